package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expandcontract/migrate/executor"
)

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func expect(t *testing.T, when, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		line, absent := strings.CutPrefix(line, "!")
		if strings.Contains("\n"+text, "\n"+line) == absent {
			t.Errorf("%s, %q is there: %t, in\n%s", when, line, absent, text)
		}
	}
}

func TestTheFileIsWrittenNowAndThenAndAtTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "migrate.prom")
	synctest.Test(t, func(t *testing.T) {
		o := someOptions()
		o.File, o.Database = path, "shop"
		m, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "at once", read(t, path), `migrate_command_running{command="expand",database="shop"} 1`, "!migrate_walk")
		play(m, []any{walked(1, 9, nil), throttled(executor.CauseReplicaLag), 14 * second})
		synctest.Wait()
		expect(t, "after 14 seconds", read(t, path), "!migrate_walk")
		play(m, []any{2 * second})
		synctest.Wait()
		expect(t, "after 16 seconds", read(t, path),
			`migrate_walk_held{cause="replica_lag",database="shop",migration="m",table="users",what="backfill"} 1`,
			`migrate_command_seen_timestamp_seconds{command="expand",database="shop"} 9.46684815e+08`)
		m.Close(0)
		expect(t, "at the end", read(t, path),
			`migrate_command_running{command="expand",database="shop"} 0`,
			`migrate_command_last_success_timestamp_seconds{command="expand",database="shop"} 9.46684816e+08`,
			`migrate_walk_held{cause="replica_lag",database="shop",migration="m",table="users",what="backfill"} 0`,
			`migrate_walk_held_seconds_total{cause="replica_lag",database="shop",migration="m",table="users",what="backfill"} 16`)
	})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file's mode is %v, %v", info, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("beside the file there is %v, %v", left, err)
	}
}

// A run that fails does not hide when one has succeeded last.
func TestTheFileKeepsTheLastSuccess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "migrate.prom")
	synctest.Test(t, func(t *testing.T) {
		ran := func(command, database string, code int) string {
			o := someOptions()
			o.Command, o.Database, o.File = command, database, path
			m, err := Start(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			m.Close(code)
			return read(t, path)
		}
		const expanded = `migrate_command_last_success_timestamp_seconds{command="expand",database="shop"} 9.46684801e+08`
		expect(t, "after a success", ran("expand", "shop", 0), expanded)
		expect(t, "after a failure", ran("expand", "shop", 1), expanded, `migrate_command_exit_code{command="expand",database="shop"} 1`)
		expect(t, "after another command", ran("contract", "shop", 0), expanded,
			`migrate_command_last_success_timestamp_seconds{command="contract",database="shop"} 9.46684803e+08`)
		expect(t, "after another success", ran("expand", "shop", 0),
			`migrate_command_last_success_timestamp_seconds{command="expand",database="shop"} 9.46684804e+08`)
		expect(t, "on another database", ran("expand", "blog", 1), "!migrate_command_last_success")
	})
}

func TestWhatCannotBeToldIsAnError(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("linked", ""), link); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "fresh.prom")
	for _, c := range []struct{ name, listen, file, want string }{
		{"the address is taken", taken.Addr().String(), "", "serving metrics: listen tcp .*: address already in use"},
		{"the address is none", "9900", "", "serving metrics: listen tcp: address 9900: missing port in address"},
		{"the file comes after the address", taken.Addr().String(), fresh, "address already in use"},
		{"no such directory", "", filepath.Join(dir, "none", "m.prom"), "writing metrics to .*m.prom: .*no such file or directory"},
		{"a directory", "127.0.0.1:0", dir, "writing metrics to .*: it is not a regular file"},
		{"a link", "", link, "writing metrics to .*link: it is not a regular file"},
		{"somebody's text", "", write("go.mod", "module example.com/shop\n\ngo 1.26\n"), "there is a file that holds something else"},
		{"somebody's metrics", "", write("other.prom", "backup_age_seconds 7\n"), `there is a file that holds metrics of something else \(backup_age_seconds\)`},
	} {
		before, _ := os.ReadFile(c.file)
		o := someOptions()
		o.Listen, o.File = c.listen, c.file
		m, err := Start(t.Context(), o)
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		m.Close(1) // nothing was started
		if after, _ := os.ReadFile(c.file); string(after) != string(before) {
			t.Errorf("%s: the file has been replaced", c.name)
		}
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a file was written although the address cannot be listened on")
	}
}

// A file that cannot be written any more is told to the log, and stops nothing.
func TestAFileLostOnTheWayIsLogged(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	o := someOptions()
	o.File, o.Log = filepath.Join(dir, "m.prom"), slog.New(slog.NewTextHandler(&log, nil))
	m, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	m.Close(0)
	if !strings.Contains(log.String(), `level=WARN msg="metrics are not up to date" error="writing metrics to `) {
		t.Errorf("the log has %q", log.String())
	}
}

// serving starts metrics that are served, and returns their URL.
func serving(t *testing.T) (*Metrics, string) {
	t.Helper()
	var log strings.Builder
	o := someOptions()
	o.Listen, o.Log = "127.0.0.1:0", slog.New(slog.NewTextHandler(&log, nil))
	m, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, url, ok := strings.Cut(strings.TrimSpace(log.String()), "url=")
	if !ok {
		t.Fatalf("the log does not say where metrics are served: %q", log.String())
	}
	return m, url
}

func get(t *testing.T, client *http.Client, url string) (status int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(content), err
}

func TestMetricsAreServedUntilTheEnd(t *testing.T) {
	t.Parallel()
	m, url := serving(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	m.Report(throttled(executor.CauseSlotRetention))
	status, body, err := get(t, client, url)
	if err != nil || status != http.StatusOK {
		t.Fatalf("a scrape answers %d, %v", status, err)
	}
	expect(t, "in a scrape", body, `migrate_walk_held{cause="slot_retention",migration="m",table="users",what="backfill"} 1`, "!go_", "!process_")
	m.Report(throttled())
	if _, body, err = get(t, client, url); err != nil {
		t.Fatal(err)
	}
	expect(t, "in the next scrape", body, `migrate_walk_held{cause="slot_retention",migration="m",table="users",what="backfill"} 0`)
	if status, _, err := get(t, client, strings.TrimSuffix(url, "/metrics")+"/debug/pprof/"); err != nil || status != http.StatusNotFound {
		t.Errorf("what is not to be served answers %d, %v", status, err)
	}
	m.Close(0)
	if _, _, err := get(t, client, url); err == nil {
		t.Error("metrics are served after the end")
	}
}

// Whoever connects and then says or reads nothing holds up neither events nor the end.
func TestAScraperThatStallsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	m, url := serving(t)
	address := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/metrics")
	var conns []net.Conn
	for i, said := range []string{"", "GET /metrics HTTP/1.1\r\nHost: x\r\n"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprint(conn, said); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		m.Report(walked(int64(i), 9, nil))
	}
	// Sooner than the server gives up on such connections by itself.
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); m.Close(0) }()
	select {
	case <-ended:
	case <-ctx.Done():
		t.Fatal("the end waits for a scraper")
	}
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := conn.Read(make([]byte, 1)); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("after the end a connection is still open")
		}
	}
}
