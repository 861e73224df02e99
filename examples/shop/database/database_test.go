package database

import (
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		url    string
		engine string // empty: refused
	}{
		"postgres":          {"postgres://shop:hunter2@127.0.0.1:5432/shop", Postgres},
		"postgresql":        {"postgresql://shop:hunter2@127.0.0.1/shop", Postgres},
		"mysql":             {"mysql://shop:hunter2@127.0.0.1:3306/shop", MySQL},
		"mysql socket":      {"mysql://shop:hunter2@localhost/shop?socket=/run/mysqld/mysqld.sock", MySQL},
		"mariadb":           {"mariadb://shop:hunter2@127.0.0.1/shop", MariaDB},
		"unknown":           {"oracle://shop:hunter2@127.0.0.1/shop", ""},
		"no URL":            {"hunter2", ""},
		"unusable postgres": {"postgres://shop:hunter2@127.0.0.1:port/shop", ""},
		"unusable mysql":    {"mysql://shop:hunter2@127.0.0.1:port/shop", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := Open(test.url, "test")
			if err == nil {
				defer func() { _ = db.Close() }()
				if db.Engine() != test.engine {
					t.Errorf("the engine is %q, should be %q", db.Engine(), test.engine)
				}
				return
			}
			if test.engine != "" {
				t.Errorf("refused: %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestRebind(t *testing.T) {
	t.Parallel()
	statement := "INSERT INTO customers (name, email) VALUES (?, ?)"
	if got, want := (&DB{engine: Postgres}).rebind(statement), "INSERT INTO customers (name, email) VALUES ($1, $2)"; got != want {
		t.Errorf("for PostgreSQL it is %q, should be %q", got, want)
	}
	if got := (&DB{engine: MariaDB}).rebind(statement); got != statement {
		t.Errorf("for MariaDB it is %q, should be %q", got, statement)
	}
}
