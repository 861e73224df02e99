package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/integration/servers"
)

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A scrape sees what holds a backfill while it is held, and that it goes on.
func TestAScrapeSeesTheHold(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, database *servers.Database) {
		db := database.Open(t)
		dir := t.TempDir()
		for _, statement := range []string{
			"CREATE TABLE products (id bigint PRIMARY KEY, title varchar(200) NOT NULL)",
			"INSERT INTO products VALUES (1, 'Lamp'), (2, 'Chair')",
			"CREATE TABLE busy (n int)", "INSERT INTO busy VALUES (17)",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "0001_title.sql"), []byte("ALTER TABLE products RENAME COLUMN title TO label;"), 0o600); err != nil {
			t.Fatal(err)
		}
		var log lines
		f := testFactory(io.Discard, &log)
		f.lookup = func(name string) (string, bool) {
			value, ok := map[string]string{
				"MIGRATE_DATABASE_URL": database.URL, "MIGRATE_DIR": dir,
				"MIGRATE_THROTTLE_EVERY": "100ms", "MIGRATE_THROTTLE_QUERY_SQL": "SELECT n FROM busy", "MIGRATE_THROTTLE_QUERY_LIMIT": "5",
			}[name]
			return value, ok
		}
		ended := make(chan int, 1)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		go func() { ended <- execute(ctx, f, []string{"expand", "--metrics-listen", "127.0.0.1:0"}) }()

		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		held := regexp.MustCompile(`(?m)^migrate_walk_held\{cause="query",database="[^"]+",migration="0001_title",table="(public\.)?products",what="backfill"\} 1$`)
		for !held.MatchString(scrape(ctx, client, log.String())) {
			select {
			case code := <-ended:
				t.Fatalf("expand ended with %d before it was held:\n%s", code, &log)
			case <-time.After(20 * time.Millisecond):
			}
		}
		if _, err := db.ExecContext(ctx, "UPDATE busy SET n = 1"); err != nil {
			t.Fatal(err)
		}
		if code := <-ended; code != exitDone {
			t.Fatalf("expand ended with %d:\n%s", code, &log)
		}
		if scrape(ctx, client, log.String()) != "" {
			t.Error("metrics are served after the end")
		}
	})
}

// scrape gets the metrics from where the log says that they are; empty: they are not there.
func scrape(ctx context.Context, client *http.Client, log string) string {
	_, rest, ok := strings.Cut(log, "http://")
	if !ok {
		return ""
	}
	url, _, _ := strings.Cut(rest, "/metrics")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+url+"/metrics", http.NoBody)
	if err != nil {
		return ""
	}
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(body)
}
