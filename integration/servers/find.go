package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
)

// A server is a running server that the tests share.
type server struct {
	url     string
	version string // as reported
	source  string
}

// advice is what helps when there is no server.
const advice = `what helps, any one of:
  start Docker; where no registry answers, make test-images builds the images (as root on Debian)
  scripts/binaries.sh %[1]s installs the server's programs (as root on Debian)
  MIGRATE_TEST_%[2]s_URL=%[1]s://USER:PASSWORD@HOST:PORT/DATABASE names a server
  go test -short leaves the tests out that need one`

// A noServerError says what was tried and what helps.
type noServerError struct {
	target Target
	cause  error
}

func (e *noServerError) Error() string {
	engine := e.target.Engine
	return fmt.Sprintf("no %s %s server to test on:\n%v\n%s", engine, e.target.Version, e.cause,
		fmt.Sprintf(advice, engine, strings.ToUpper(engine)))
}

func (e *noServerError) Unwrap() error { return e.cause }

type wanted struct {
	target Target
	exact  bool
}

// known remembers what was found, also that there was nothing, so that a hundred tests do
// not try in vain one after another.
var (
	knownMu sync.Mutex
	known   = map[wanted]func() (server, error){}
)

// find returns the server for a target: the environment's, else the keeper's.
func find(ctx context.Context, target Target, exact bool) (server, error) {
	knownMu.Lock()
	w := wanted{target: target, exact: exact}
	once, ok := known[w]
	if !ok {
		once = sync.OnceValues(func() (server, error) { return look(ctx, w) })
		known[w] = once
	}
	knownMu.Unlock()
	return once()
}

func look(ctx context.Context, w wanted) (server, error) {
	engine := w.target.Engine
	if defaultTarget(engine).Version == "" {
		return server{}, fmt.Errorf("unknown engine %q", engine)
	}
	if databaseURL := environmentURL(engine); databaseURL != "" {
		version, err := reportedVersion(ctx, engine, databaseURL)
		if err != nil {
			return server{}, err
		}
		if !w.exact || matches(version, w.target.Version) {
			return server{url: databaseURL, version: version, source: "the environment"}, nil
		}
	}
	request := wire.Request{Engine: engine, Version: w.target.Version}
	if w.target == defaultTarget(engine) {
		request.Image = os.Getenv("MIGRATE_TEST_" + strings.ToUpper(engine) + "_IMAGE")
	}
	reply, err := ask(ctx, request)
	if err == nil && reply.Error != "" {
		err = errors.New(reply.Error)
	}
	if err != nil {
		return server{}, &noServerError{target: w.target, cause: err}
	}
	version, err := reportedVersion(ctx, engine, reply.URL)
	if err != nil {
		return server{}, err
	}
	if w.exact && !matches(version, w.target.Version) {
		return server{}, &noServerError{target: w.target, cause: fmt.Errorf("there is only %s, from %s", version, reply.Source)}
	}
	return server{url: reply.URL, version: version, source: reply.Source}, nil
}

// matches says whether a version belongs to a series: 11.8.3 to 11.8, 17.2 to 17.
func matches(version, series string) bool {
	return version == series || strings.HasPrefix(version, series+".")
}
