package integration

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// fault_disk_test.go: the server's disk is full, in mid-backfill and in the build
// of an index, and then there is space again.

// smallDisk is a server whose data lies on a small disk.
type smallDisk struct {
	container, engine, url string
	dir                    string
}

func newSmallDisk(t *testing.T, engine string, more ...string) smallDisk {
	t.Helper()
	d := smallDisk{engine: engine, dir: "/var/lib/mysql"}
	switch engine {
	case servers.Postgres:
		// Its tables only: a server that cannot write its log restarts.
		d.dir = "/small"
		d.container, d.url = container(t, engine, []string{"--tmpfs", d.dir + ":size=128m"}, []string{"postgres", "-c", "fsync=off"})
		docker(t, "exec", d.container, "chown", "postgres", d.dir)
		exact(t, openURL(t, d.url), "CREATE TABLESPACE small LOCATION '"+d.dir+"'")
	case servers.MySQL:
		d.container, d.url = container(t, engine, []string{"--tmpfs", d.dir + ":size=600m"}, append([]string{"--innodb-redo-log-capacity=16M"}, more...))
	default:
		d.container, d.url = container(t, engine, []string{"--tmpfs", d.dir + ":size=320m"}, append([]string{"--innodb-log-file-size=16M"}, more...))
	}
	return d
}

// database makes one on the small disk.
func (d smallDisk) database(t *testing.T, name string) *world {
	t.Helper()
	u, err := url.Parse(d.url)
	if err != nil {
		t.Fatal("the server's URL cannot be parsed")
	}
	statement := "CREATE DATABASE " + name
	if d.engine == servers.Postgres {
		statement += " TABLESPACE small"
	}
	exact(t, openURL(t, d.url), statement)
	u.Path = "/" + name
	w := newWorld(t, &servers.Database{Engine: d.engine, URL: u.String(), Name: name, AdminURL: d.url})
	bigTable(t, w, diskRows)
	return w
}

// fill leaves no space but for some kilobytes.
func (d smallDisk) fill(t *testing.T, left string) {
	t.Helper()
	// The server may be faster: then the ballast ends where the disk does.
	docker(t, "exec", d.container, "sh", "-c", "df -k "+d.dir+" | tail -1 | { read -r fs size used free rest; "+
		"dd if=/dev/zero of="+d.dir+"/ballast bs=1k count=$((free - "+left+")) || true; }")
}

func (d smallDisk) free(t *testing.T) {
	t.Helper()
	docker(t, "exec", d.container, "rm", "-f", d.dir+"/ballast")
}

const diskRows = 20_000

// widen makes a table grow by ten megabytes.
const widen = `-- migrate:soak 0s
ALTER TABLE t ADD COLUMN note varchar(600);
UPDATE t SET note = REPEAT('x', 500);
`

const noteIndex = "CREATE INDEX t_note ON t (note, id);\n"

// rows are the application's: none is lost or changed.
func (w *world) intact(t *testing.T, what string) {
	t.Helper()
	if n := w.number(t, "SELECT count(*) FROM t WHERE a = id AND label = CONCAT('row ', id)"); n != diskRows {
		t.Errorf("%s, %d of %d rows of the application are as they were", what, n, diskRows)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	for _, engine := range servers.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			// Without a binary log on the same disk, which MySQL waits for (see below).
			var more []string
			if engine == servers.MySQL {
				more = []string{"--skip-log-bin"}
			}
			d := newSmallDisk(t, engine, more...)
			w := d.database(t, "disturbed")
			c := w.cli(t, map[string]string{"0007_wide": widen, "0008_note": noteIndex})
			full := w.either("No space left on device", "is full")

			p := c.start(t, "expand", "0007_wide", "--rows-per-second", "4000", "--chunk-target", "20ms")
			w.walking(t, p)
			d.fill(t, "512")
			if code := p.wait(); code != 1 {
				t.Fatalf("on a full disk, expand exits %d\n%s", code, p.said())
			}
			contains(t, p.stderr.String(), full)
			w.intact(t, "on a full disk")
			s := c.status(t, "0007_wide")
			if s.State != executor.Failed && s.State != executor.Backfilling {
				t.Errorf("on a full disk, the migration is %s", s.State)
			}
			contains(t, c.run(t, 1, "expand", "0007_wide").said(), full)
			d.free(t)
			through(t, c)

			d.fill(t, "1024")
			contains(t, c.run(t, 1, "expand", "0008_note").said(), full)
			d.free(t)
			c.run(t, 0, "expand", "0008_note")
			w.intact(t, "at the end")

			quiet := d.database(t, "quiet")
			c = quiet.cli(t, map[string]string{"0007_wide": widen, "0008_note": noteIndex})
			through(t, c)
			c.run(t, 0, "expand", "0008_note")
			if diff := cmp.Diff(quiet.diskEnd(t), w.diskEnd(t)); diff != "" {
				t.Errorf("the end differs (-undisturbed +on a full disk):\n%s", diff)
			}
		})
	}
}

// through takes the widening to its end.
func through(t *testing.T, c *cli) {
	t.Helper()
	c.run(t, 0, "expand", "0007_wide")
	c.run(t, 0, "flag", "set", "0007_wide", "full")
	c.run(t, 0, "contract", "0007_wide", "--grace", "0s")
}

func (w *world) diskEnd(t *testing.T) []string {
	t.Helper()
	return append(w.shape(t), w.strings(t, "SELECT CONCAT(COUNT(*), ' ', SUM(id), ' ', SUM(LENGTH(note))) FROM t")...)
}

// TestFullDiskThatIsWaitedFor: MySQL and MariaDB let nobody write, and answer, for
// as long as there is no space for their binary log. They look every minute.
func TestFullDiskThatIsWaitedFor(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	if os.Getenv("MIGRATE_TEST_MATRIX") == "" {
		t.Skip("takes more than a minute: only with MIGRATE_TEST_MATRIX=1")
	}
	for _, engine := range servers.Engines() {
		if engine == servers.Postgres {
			continue
		}
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			d := newSmallDisk(t, engine, "--log-bin=binlog", "--server-id=1")
			w := d.database(t, "disturbed")
			c := w.cli(t, map[string]string{"0007_double": addB})
			p := c.start(t, "expand", "--rows-per-second", "1000", "--chunk-target", "20ms")
			w.walking(t, p)
			d.fill(t, "0")
			if code := p.wait(); code != 1 {
				t.Fatalf("on a full disk, expand exits %d\n%s", code, p.said())
			}
			contains(t, p.stderr.String(), "has not let a write through for 15s", "is its disk full")
			if s := c.status(t, "0007_double"); s.State != executor.Backfilling {
				t.Errorf("on a full disk, the migration is %s, want backfilling", s.State)
			}
			d.free(t)
			c.run(t, 0, "expand", "--wait", "2m")
			if n := w.number(t, "SELECT count(*) FROM t WHERE b = a * 2 AND a = id"); n != diskRows {
				t.Errorf("%d of %d rows are right", n, diskRows)
			}
			hides(t, strings.Join(w.strings(t, "SELECT failed_reason FROM "+w.own("migrations")), ""), "disk")
		})
	}
}
