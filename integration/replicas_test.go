package integration

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// replicas_test.go lets a real replica fall behind a primary, both in containers,
// while a backfill runs.

const replicaPassword = "s3cret"

// pair is a primary with a replica.
type pair struct {
	*world
	replicaURL string
	primary    string  // the primary's container
	container  string  // the replica's
	replica    *sql.DB // to stop and start it
}

// docker runs the docker command.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s", args[0], err, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// image is the one that make test-images builds, or the official one.
func image(engine string) string {
	version := map[string]string{servers.Postgres: "17", servers.MySQL: "9", servers.MariaDB: "11.8"}[engine]
	local := throwaway.LocalImage(engine, version)
	if exec.Command("docker", "image", "inspect", local).Run() == nil { //nolint:noctx // it only looks
		return local
	}
	return engine + ":" + version
}

// container starts a server of an engine, for the test's length, and returns its
// name and the URL of its own database.
func container(t *testing.T, engine string, options, command []string) (name, serverURL string) {
	t.Helper()
	port, user, database := "3306", "root", "mysql"
	if engine == servers.Postgres {
		port, user, database = "5432", "postgres", "postgres"
	}
	args := []string{"run", "--detach", "--label", "migrate.throwaway=" + engine, "--publish", "127.0.0.1::" + port}
	for _, setting := range throwaway.ContainerEnv(engine, replicaPassword) {
		args = append(args, "--env", setting)
	}
	args = append(append(append(args, options...), image(engine)), command...)
	name = docker(t, args...)
	t.Cleanup(func() { docker(t, "rm", "--force", "--volumes", name) })
	address, _, _ := strings.Cut(docker(t, "port", name, port+"/tcp"), "\n")
	u := url.URL{Scheme: engine, User: url.UserPassword(user, replicaPassword), Host: address, Path: "/" + database}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := throwaway.AwaitReady(ctx, u.String(), nil); err != nil {
		t.Fatalf("%v\n%s", err, docker(t, "logs", "--tail", "20", name))
	}
	return name, u.String()
}

// address is a container's on the network that containers share.
func address(t *testing.T, name string) string {
	t.Helper()
	return docker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
}

func openURL(t *testing.T, databaseURL string) *sql.DB {
	t.Helper()
	db, err := throwaway.OpenURL(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing a database: %v", err)
		}
	})
	return db
}

func exact(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, strings.ReplaceAll(s, replicaPassword, "…"))
		}
	}
}

func newPair(t *testing.T, engine string) *pair {
	t.Helper()
	var primaryURL, replicaURL string
	p := &pair{}
	if engine == servers.Postgres {
		p.primary, primaryURL = container(t, engine, nil, []string{"postgres", "-c", "fsync=off", "-c", "max_wal_size=2GB"})
		as := "setpriv --reuid=postgres --regid=postgres --init-groups "
		docker(t, "exec", p.primary, "sh", "-c", `echo "host replication all all scram-sha-256" >> $PGDATA/pg_hba.conf && `+as+`pg_ctl reload -D $PGDATA`)
		p.container, replicaURL = container(t, engine, []string{"--env", "PGPASSWORD=" + replicaPassword, "--entrypoint", "sh"}, []string{
			"-c",
			"install -d -o postgres -m 700 $PGDATA /var/run/postgresql && " + as + "pg_basebackup -h " + address(t, p.primary) +
				" -U postgres -D $PGDATA -R -X stream -c fast && exec " + as + "postgres -c fsync=off",
		})
	} else {
		binary := []string{"--server-id=1", "--log-bin=binlog", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"}
		p.primary, primaryURL = container(t, engine, nil, binary)
		p.container, replicaURL = container(t, engine, nil, append([]string{"--server-id=2"}, binary[1:]...))
		p.follow(t, engine, openURL(t, primaryURL), openURL(t, replicaURL), address(t, p.primary))
	}
	exact(t, openURL(t, primaryURL), "CREATE DATABASE shop")
	shop := func(server string) string {
		u, err := url.Parse(server)
		if err != nil {
			t.Fatal("a server's URL cannot be read")
		}
		u.Path = "/shop"
		return u.String()
	}
	p.world = newWorld(t, &servers.Database{Engine: engine, URL: shop(primaryURL), AdminURL: primaryURL, Name: "shop"})
	p.replicaURL, p.replica = shop(replicaURL), openURL(t, replicaURL)
	there := openURL(t, p.replicaURL)
	eventually(t, "the replica to have the database", func() bool { return there.PingContext(t.Context()) == nil })
	return p
}

// follow makes one MySQL or MariaDB the replica of another, from now on.
func (p *pair) follow(t *testing.T, engine string, primary, replica *sql.DB, host string) {
	t.Helper()
	position, change, start := "SHOW BINARY LOG STATUS", "CHANGE REPLICATION SOURCE TO SOURCE_", "START REPLICA"
	extra := ", GET_SOURCE_PUBLIC_KEY = 1"
	if engine == servers.MariaDB {
		position, change, extra = "SHOW MASTER STATUS", "CHANGE MASTER TO MASTER_", ""
	}
	rows, err := primary.QueryContext(t.Context(), position)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("the primary tells no position: %v, %v", err, rows.Err())
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	prefix := change[strings.LastIndexByte(change, ' ')+1:]
	exact(t, replica, fmt.Sprintf("%sHOST = '%s', %[3]sUSER = 'root', %[3]sPASSWORD = '%[4]s', %[3]sLOG_FILE = '%[5]s', %[3]sLOG_POS = %[6]s%[7]s",
		change, host, prefix, replicaPassword, values[0].String, values[1].String, extra), start)
}

// stop and start the replica's replay of what it goes on receiving.
func (p *pair) stop(t *testing.T) {
	t.Helper()
	exact(t, p.replica, p.either("SELECT pg_wal_replay_pause()", "STOP REPLICA SQL_THREAD"))
}

func (p *pair) start(t *testing.T) {
	t.Helper()
	exact(t, p.replica, p.either("SELECT pg_wal_replay_resume()", "START REPLICA SQL_THREAD"))
}

// source is the replica as migrate is told of it.
func (p *pair) source(t *testing.T) executor.ReplicaSource {
	t.Helper()
	u, err := url.Parse(p.replicaURL)
	if err != nil {
		t.Fatal("the replica's URL cannot be read")
	}
	return executor.ReplicaSource{Name: u.Host, Open: func(ctx context.Context) (executor.Replica, error) {
		return p.engine.Open(ctx, p.replicaURL, dialects.Options{Application: "migrate", MaxConns: 1})
	}}
}

// lag reads the seconds from a reason; false if the reason is another.
func lag(reason string) (float64, bool) {
	rest, ok := strings.CutPrefix(reason, "replica lag ")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, "s")
	v, err := strconv.ParseFloat(number, 64)
	return v, err == nil
}

// every is how often the server is measured here: the lag is short of the truth
// by that at most.
const every = 100 * time.Millisecond

func TestReplicaLagHoldsABackfill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	for _, target := range servers.Matrix() {
		t.Run(target.Engine, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, target.Engine)
			bigTable(t, p.world, 20_000)
			p.laggingHolds(t, "by URL", 1, executor.Throttle{Replicas: []executor.ReplicaSource{p.source(t)}})
			if p.postgres() {
				p.exec(t, "DROP SCHEMA migrate CASCADE; DROP TABLE t CASCADE")
				bigTable(t, p.world, 20_000)
				p.laggingHolds(t, "as the primary sees it", 1, executor.Throttle{})
			}
			p.vanishes(t)
		})
	}
}

// laggingHolds stops the replica in mid-backfill, and lets it catch up.
func (p *pair) laggingHolds(t *testing.T, how string, limit float64, throttle executor.Throttle) {
	t.Helper()
	throttle.Every, throttle.ReplicaLag = every, executor.Limit{Above: limit}
	follows := p.control(t)
	watch, wait := p.expanding(t, executor.Options{RowsPerSecond: 4000, Throttle: throttle}, addB)
	people := p.migrate(t, executor.Options{Holder: "people"})
	eventually(t, how+": the first rows", func() bool {
		b := people.backfill(t)
		return b != nil && b.RowsDone > 0
	})
	// On a busy machine it may be behind without having been stopped.
	if worst := follows(); worst.Seconds() < limit/2 {
		if held := watch.throttled(); len(held) != 0 {
			t.Errorf("%s: it was held although the replica follows, %v behind at most: %+v", how, worst, held)
		}
	}
	before := time.Now()
	p.stop(t)
	after := time.Now()
	var seen float64
	var asked time.Time
	eventually(t, how+": a lag of more than twice the limit", func() bool {
		asked = time.Now()
		var ok bool
		seen, ok = lag(people.backfill(t).Throttled)
		return ok && seen > 2*limit
	})
	// It stands since some moment between before and after; the status is as old
	// as a sample, what that took to be written included.
	const slack = 700 * time.Millisecond
	if most := time.Since(before).Seconds() + 0.1; seen > most {
		t.Errorf("%s: the lag is told as %.1fs, and the replica stands for %.1fs only", how, seen, most)
	}
	if least := (asked.Sub(after) - 2*every - slack).Seconds(); seen < least {
		t.Errorf("%s: the lag is told as %.1fs, and the replica stands for %.1fs at least", how, seen, least)
	}
	watch.standsStill(t)
	p.start(t)
	state, err := wait()
	reaches(t, executor.Open, state, err)
	if held := watch.throttled(); len(held)%2 != 0 || len(held) < 2 {
		t.Errorf("%s: the hold was told as %+v", how, held)
	}
}

// control waits until the replica has all that was written before, and measures
// from then on how far it is behind, by a count of its own. follows ends that,
// and tells the worst.
func (p *pair) control(t *testing.T) (follows func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	there := openURL(t, p.replicaURL)
	p.exec(t, "DROP TABLE IF EXISTS follows")
	p.exec(t, "CREATE TABLE follows (n bigint PRIMARY KEY)")
	arrived := func(n int) bool {
		var is bool
		return there.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) > 0 FROM follows WHERE n >= %d", n)).Scan(&is) == nil && is
	}
	p.exec(t, "INSERT INTO follows VALUES (0)")
	eventually(t, "the replica to catch up", func() bool { return arrived(0) })
	worst := make(chan time.Duration, 1)
	go func() {
		var most time.Duration
		for n := 1; ctx.Err() == nil; n++ {
			// Before the statement: what it takes is behind, too.
			since := time.Now()
			if _, err := p.db.ExecContext(ctx, fmt.Sprintf("INSERT INTO follows VALUES (%d)", n)); err != nil {
				break
			}
			for !arrived(n) && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			most = max(most, time.Since(since))
			time.Sleep(20 * time.Millisecond)
		}
		worst <- most
	}()
	return func() time.Duration {
		cancel()
		return <-worst
	}
}

// vanishes takes the replica away: that holds, unless told otherwise.
func (p *pair) vanishes(t *testing.T) {
	t.Helper()
	throttle := executor.Throttle{Every: every, ReplicaLag: executor.Limit{Above: 1}, Replicas: []executor.ReplicaSource{p.source(t)}}
	// In mid-verification, for a change: there is nothing left to fill.
	for _, ignored := range []bool{false, true} {
		throttle.IgnoreVanished = ignored
		watch := &watcher{}
		h := p.migrate(t, executor.Options{RowsPerSecond: 10_000, Throttle: throttle, Reporter: watch})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		verified := make(chan error, 1)
		go func() {
			_, err := h.Verify(ctx, "0007_double", executor.RepairNone)
			verified <- err
		}()
		if ignored {
			if err := <-verified; err != nil {
				t.Errorf("told to go on without the replica, the verification ends with %v", err)
			}
			cancel()
			continue
		}
		eventually(t, "the verification", func() bool {
			watch.mu.Lock()
			defer watch.mu.Unlock()
			for _, e := range watch.events {
				if pr, ok := e.event.(executor.Progress); ok && pr.Done > 0 {
					return true
				}
			}
			return false
		})
		docker(t, "kill", p.container)
		people := p.migrate(t, executor.Options{})
		var reason string
		eventually(t, "the hold", func() bool {
			s, err := people.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			reason = s.Throttled
			return reason != ""
		})
		host, _, _ := net.SplitHostPort(p.source(t).Name)
		if !strings.Contains(reason, host) && !strings.Contains(reason, "has vanished") || strings.Contains(reason, replicaPassword) {
			t.Errorf("without the replica, the reason is %q", reason)
		}
		cancel()
		if err := <-verified; err == nil {
			t.Error("a verification that was cancelled in its hold says that it is through")
		}
	}
}

// An autovacuum at the table holds, if that is asked for.
func TestAutovacuumHoldsABackfill(t *testing.T) {
	t.Parallel()
	needsPostgres(t, "only PostgreSQL has an autovacuum")
	_, serverURL := container(t, servers.Postgres, nil, []string{"postgres", "-c", "fsync=off", "-c", "autovacuum_naptime=1s"})
	w := newWorld(t, &servers.Database{Engine: servers.Postgres, URL: serverURL, AdminURL: serverURL, Name: "postgres"})
	bigTable(t, w, 20_000)
	// One that takes its time.
	w.exec(t, "ALTER TABLE t SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)")
	w.exec(t, "UPDATE t SET label = 'new'")
	eventually(t, "the autovacuum", func() bool { return w.number(t, "SELECT count(*) FROM pg_stat_progress_vacuum") > 0 })
	watch, wait := w.expanding(t, executor.Options{
		Throttle: executor.Throttle{Every: every, Autovacuum: true},
		// The changes of the schema send the autovacuum away; it is back before the backfill is done.
		RowsPerSecond: 1000,
	}, addB)
	people := w.migrate(t, executor.Options{})
	eventually(t, "the hold", func() bool {
		b := people.backfill(t)
		return b != nil && b.Throttled == "autovacuum (it works on the table)"
	})
	watch.standsStill(t)
	w.exec(t, "ALTER TABLE t SET (autovacuum_enabled = false)") // sends the autovacuum away, too
	state, err := wait()
	reaches(t, executor.Open, state, err)
	if held := watch.throttled(); len(held) != 2 {
		t.Errorf("the hold was told as %+v", held)
	}
}
