package logs_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/cmd/internal/logs"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing to hide", "connecting to postgres://db.example:5432/shop", "connecting to postgres://db.example:5432/shop"},
		{"user only", "postgres://shop@db/shop", "postgres://shop@db/shop"},
		{"url", "opening postgres://shop:s3cret@db:5432/shop: refused", "opening postgres://shop:xxxxx@db:5432/shop: refused"},
		{"quoted url", `parse "mysql://root:s3cret@db/shop": bad`, `parse "mysql://root:xxxxx@db/shop": bad`},
		{"password with @ and /", "mariadb://root:p@ss/w0rd@db/shop", "mariadb://root:xxxxx@db/shop"},
		{"empty user", "postgres://:s3cret@db/shop", "postgres://:xxxxx@db/shop"},
		{"mysql driver", "root:s3cret@tcp(127.0.0.1:3306)/shop", "root:xxxxx@tcp(127.0.0.1:3306)/shop"},
		{"mysql driver, password with @", "root:s3@cret@tcp(db)/shop", "root:xxxxx@tcp(db)/shop"},
		{"query", "postgres://db/shop?user=a&password=s3cret&sslmode=disable", "postgres://db/shop?user=a&password=xxxxx&sslmode=disable"},
		{"connection string", "host=db user=a password=s3cret dbname=b", "host=db user=a password=xxxxx dbname=b"},
		{"quoted in a connection string", `password='s3 \'cret' dbname=b`, "password=xxxxx dbname=b"},
		{"header", "Authorization: Bearer s3cret", "Authorization: Bearer xxxxx"},
		{"two of them", "postgres://a:one@h/d mysql://b:two@h/d", "postgres://a:xxxxx@h/d mysql://b:xxxxx@h/d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := logs.Redact(test.text); got != test.want {
				t.Errorf("Redact(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}

// secretValuer shows a password only when it is resolved.
type secretValuer struct{}

func (secretValuer) LogValue() slog.Value { return slog.StringValue(secretURL) }

const (
	secret    = "s3cret"
	secretURL = "postgres://shop:" + secret + "@db/shop"
)

func TestLoggerShowsNoPassword(t *testing.T) {
	t.Parallel()
	parsed, err := url.Parse(secretURL)
	if err != nil {
		t.Fatal(err)
	}
	emit := map[string]func(*slog.Logger){
		"message":       func(l *slog.Logger) { l.Info("connecting to " + secretURL) },
		"string":        func(l *slog.Logger) { l.Info("connecting", "url", secretURL) },
		"error":         func(l *slog.Logger) { l.Info("failed", "error", fmt.Errorf("opening: %w", errors.New(secretURL))) },
		"stringer":      func(l *slog.Logger) { l.Info("connecting", "url", parsed) },
		"struct":        func(l *slog.Logger) { l.Info("connecting", "options", struct{ URL string }{secretURL}) },
		"slice":         func(l *slog.Logger) { l.Info("connecting", "urls", []string{secretURL}) },
		"valuer":        func(l *slog.Logger) { l.Info("connecting", "url", secretValuer{}) },
		"group":         func(l *slog.Logger) { l.Info("connecting", slog.Group("db", "url", secretURL)) },
		"with":          func(l *slog.Logger) { l.With("url", secretURL).Info("connecting") },
		"with group":    func(l *slog.Logger) { l.WithGroup("db").With("url", secretURL).Info("connecting") },
		"grouped attrs": func(l *slog.Logger) { l.WithGroup("db").Info("connecting", "url", secretURL) },
	}
	for _, format := range []string{logs.Text, logs.JSON} {
		for name, log := range emit {
			t.Run(format+"/"+name, func(t *testing.T) {
				t.Parallel()
				var out bytes.Buffer
				log(logs.New(&out, logs.Options{Format: format}))
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log shows the password: %s", out.String())
				}
				if !strings.Contains(out.String(), "xxxxx") {
					t.Errorf("the log lost the attribute: %s", out.String())
				}
			})
		}
	}
}

func TestLoggerKeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger := logs.New(&out, logs.Options{Format: logs.Text, Level: slog.LevelInfo})
	logger.Debug("too much detail")
	logger.Info("chunk done", "rows", 42, "table", "users")
	got := out.String()
	for _, want := range []string{"chunk done", "rows=42", "table=users"} {
		if !strings.Contains(got, want) {
			t.Errorf("the log %q lacks %q", got, want)
		}
	}
	if strings.Contains(got, "too much detail") {
		t.Errorf("the log %q has a line below its level", got)
	}
}
