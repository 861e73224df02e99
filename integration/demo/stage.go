package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// stage is where the show is played: a server and two databases on it, one for the shop and one in which the
// naive migration shows what the schema should become.
type stage struct {
	server *throwaway.Server // nil on a server of the user's own
	keep   bool

	serverDB *database.DB
	shop     *database.DB
	naive    *database.DB
	shopURL  string
	names    []string // of the databases created
}

// newStage starts or reaches the server and creates the databases. It cleans up after itself when it fails.
func newStage(ctx context.Context, opts Options) (_ *stage, err error) {
	st := &stage{keep: opts.Keep}
	defer func() {
		if err != nil {
			st.keep = false
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
			defer cancel()
			err = errors.Join(err, st.close(ctx))
		}
	}()
	serverURL := opts.DatabaseURL
	if serverURL == "" {
		if st.server, err = throwaway.Start(ctx, opts.Engine, throwaway.Options{}); err != nil {
			return nil, err
		}
		serverURL = st.server.URL()
	}
	if st.serverDB, err = database.Open(serverURL, "migrate demo"); err != nil {
		return nil, err
	}
	if st.serverDB.Engine() != opts.Engine {
		return nil, fmt.Errorf("the database URL is for %s, the demo was to show %s", st.serverDB.Engine(), opts.Engine)
	}
	name, err := newName()
	if err != nil {
		return nil, err
	}
	if st.shop, st.shopURL, err = st.create(ctx, serverURL, name); err != nil {
		return nil, err
	}
	st.naive, _, err = st.create(ctx, serverURL, name+"_naive")
	return st, err
}

func newName() (string, error) {
	random := make([]byte, 4)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("naming the demo's database: %w", err)
	}
	return "migrate_demo_" + hex.EncodeToString(random), nil
}

// create creates a database and opens it. Its name needs no quotes on any engine.
func (st *stage) create(ctx context.Context, serverURL, name string) (*database.DB, string, error) {
	statement := "CREATE DATABASE " + name
	if st.serverDB.Engine() == database.Postgres {
		statement += " TEMPLATE template0" // the default one is refused while somebody is connected to it
	} else {
		statement += " CHARACTER SET utf8mb4" // before MariaDB 11.6 the default has no room for every name
	}
	if err := st.serverDB.Script(ctx, statement); err != nil {
		return nil, "", fmt.Errorf("creating database %s: %w", name, err)
	}
	st.names = append(st.names, name)
	parsed, err := url.Parse(serverURL)
	if err != nil {
		return nil, "", errors.New("the database URL is not a valid URL") // its text may hold a password
	}
	parsed.Path = "/" + name
	db, err := database.Open(parsed.String(), "migrate demo")
	return db, parsed.String(), err
}

// version is the server's own, without what packagers add.
func (st *stage) version(ctx context.Context) (string, error) {
	query := "SELECT version()"
	if st.serverDB.Engine() == database.Postgres {
		query = "SHOW server_version"
	}
	var version string
	if err := st.serverDB.Row(ctx, query).Scan(&version); err != nil {
		return "", fmt.Errorf("asking for the server's version: %w", err)
	}
	version, _, _ = strings.Cut(version, " ")
	version, _, _ = strings.Cut(version, "-")
	return version, nil
}

// place says where the server came from.
func (st *stage) place() string {
	if st.server == nil {
		return "on your server"
	}
	return "on a throwaway server (" + st.server.Source() + ")"
}

// close drops the databases and stops the server.
func (st *stage) close(ctx context.Context) error {
	var errs []error
	for _, db := range []*database.DB{st.shop, st.naive} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if st.serverDB != nil {
		// On a throwaway server they go with it.
		if st.server == nil && !st.keep {
			errs = append(errs, st.drop(ctx))
		}
		errs = append(errs, st.serverDB.Close())
	}
	if st.server != nil {
		errs = append(errs, st.server.Stop())
	}
	return errors.Join(errs...)
}

func (st *stage) drop(ctx context.Context) error {
	how := ""
	if st.serverDB.Engine() == database.Postgres {
		how = " WITH (FORCE)" // connections of a process just killed may linger
	}
	var errs []error
	for _, name := range st.names {
		if err := st.serverDB.Script(ctx, "DROP DATABASE "+name+how); err != nil {
			errs = append(errs, fmt.Errorf("dropping database %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
