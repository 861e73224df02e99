package flags_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestTableWhateverTheConnection reads and writes through connections as
// applications configure them: their zone, protocol and isolation change nothing.
func TestTableWhateverTheConnection(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.migration(t, name, key, "open")
		for setting, db := range w.connections(t) {
			table := flags.NewTable(db, w.tables)
			if err := table.Set(t.Context(), key, partial(t, 25)); err != nil {
				t.Errorf("%s: %v", setting, err)
			}
			before := w.now(t)
			for range 2 {
				if err := table.Set(t.Context(), key, flags.Full()); err != nil {
					t.Errorf("%s: %v", setting, err)
				}
			}
			between(t, setting+": full since, read by another connection,", w.get(t, key).FullSince, before, w.now(t))
			got, err := table.Rollout(t.Context(), key)
			if err != nil || got != w.get(t, key) {
				t.Errorf("%s: read %+v, %v; want %+v", setting, got, err, w.get(t, key))
			}
			list, err := table.List(t.Context())
			if err != nil || len(list) != 1 {
				t.Errorf("%s: list %+v, %v", setting, list, err)
				continue
			}
			between(t, setting+": updated at", list[0].UpdatedAt, before, w.now(t))
		}
	})
}

// connections are pools with settings that applications use.
func (w *world) connections(t *testing.T) map[string]*sql.DB {
	t.Helper()
	pools := map[string]*sql.DB{}
	add := func(setting string, db *sql.DB, err error) {
		if err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		t.Cleanup(func() { _ = db.Close() })
		pools[setting] = db
	}
	parsed, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	if w.engine == servers.Postgres {
		for setting, value := range map[string]string{
			"timezone":                      "Asia/Kolkata",
			"datestyle":                     "SQL, DMY",
			"default_query_exec_mode":       "simple_protocol",
			"default_transaction_isolation": "serializable",
		} {
			with := *parsed
			query := with.Query()
			query.Set(setting, value)
			with.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
			db, err := sql.Open("pgx", with.String())
			add(setting+"="+value, db, err)
		}
		return pools
	}
	kolkata := time.FixedZone("IST", 5*3600+1800)
	for setting, apply := range map[string]func(*mysql.Config){
		"the driver's defaults": func(*mysql.Config) {},
		"parseTime":             func(c *mysql.Config) { c.ParseTime = true },
		"parseTime, loc":        func(c *mysql.Config) { c.ParseTime, c.Loc = true, kolkata },
		"time_zone":             func(c *mysql.Config) { c.Params = map[string]string{"time_zone": "'+05:30'"} },
		"interpolateParams":     func(c *mysql.Config) { c.InterpolateParams = true },
		"clientFoundRows":       func(c *mysql.Config) { c.ClientFoundRows = true },
		"serializable":          func(c *mysql.Config) { c.Params = map[string]string{"transaction_isolation": "'SERIALIZABLE'"} },
	} {
		config := mysql.NewConfig()
		config.Net, config.Addr, config.DBName = "tcp", parsed.Host, strings.TrimPrefix(parsed.Path, "/")
		config.User = parsed.User.Username()
		config.Passwd, _ = parsed.User.Password()
		apply(config)
		connector, err := mysql.NewConnector(config)
		add(setting, sql.OpenDB(connector), err)
	}
	return pools
}
