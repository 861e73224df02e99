package integration

import (
	"net/url"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
)

// secrets_test.go looks for passwords and values in everything that is printed.

// password needs to be escaped in a URL; neither form may be shown.
const password = "p@ss/w:rd?&%#4711"

// passwordParts are what of the password could be recognised.
var passwordParts = []string{password, url.QueryEscape(password), url.PathEscape(password), "4711", "p%40ss"}

// account makes an account with that password, and returns the URL for it.
func account(t *testing.T, w *world) string {
	t.Helper()
	name := strings.Replace(w.Name, "t_", "u", 1)
	name = name[len(name)-min(len(name), 30):]
	if w.postgres() {
		w.exec(t, "CREATE ROLE "+name+" LOGIN SUPERUSER PASSWORD '"+password+"'")
		t.Cleanup(func() {
			w.drop(t, w.URL, "DROP OWNED BY "+name)
			w.drop(t, w.AdminURL, "DROP ROLE "+name)
		})
	} else {
		w.exec(t, "CREATE USER "+name+" IDENTIFIED BY '"+password+"'")
		w.exec(t, "GRANT ALL ON *.* TO "+name)
		t.Cleanup(func() { w.drop(t, w.AdminURL, "DROP USER "+name) })
	}
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal("the test server's URL cannot be parsed")
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}

// drop runs a statement when the test's context has ended.
func (w *world) drop(t *testing.T, databaseURL, statement string) {
	t.Helper()
	admin := &servers.Database{Engine: w.Engine, URL: databaseURL}
	if _, err := admin.Open(t).Exec(statement); err != nil { //nolint:noctx // the test's context has ended
		t.Error(err)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		const value = "value-of-a-row"
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, label varchar(60) NOT NULL)")
		w.exec(t, "INSERT INTO t (id, label) VALUES (1, '1'), (2, '"+value+"')")
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})
		c.url = account(t, w)
		quiet := func(p *process) string {
			t.Helper()
			hides(t, p.said(), append([]string{value}, passwordParts...)...)
			return p.said()
		}

		for _, format := range []string{"text", "json"} {
			quiet(c.run(t, 0, "plan", "-v", "--log-format", format))
			contains(t, quiet(c.run(t, 1, "expand", "-v", "--log-format", format)), "id=2")
			quiet(c.run(t, 0, "status", "-v", "--log-format", format))
		}
		w.exec(t, "UPDATE t SET label = '2' WHERE id = 2")
		quiet(c.run(t, 0, "expand", "-v"))
		quiet(c.run(t, 0, "verify", "-v"))
		quiet(c.run(t, 3, "contract", "-v"))
		quiet(c.run(t, 0, "rollback", "0007_convert", "-v"))
	})
}

func TestSecretsStaySecretInErrors(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		good, err := url.Parse(w.URL)
		if err != nil {
			t.Fatal("the test server's URL cannot be parsed")
		}
		with := func(change func(*url.URL)) string {
			u := *good
			u.User = url.UserPassword("nobody", password)
			change(&u)
			return u.String()
		}
		tests := map[string]string{
			"wrong account":         with(func(*url.URL) {}),
			"nobody listens":        with(func(u *url.URL) { u.Host = "127.0.0.1:1" }),
			"no such host":          with(func(u *url.URL) { u.Host = "no-such-host.invalid:5432" }),
			"no such scheme":        with(func(u *url.URL) { u.Scheme = "oracle" }),
			"port that is none":     strings.Replace(with(func(u *url.URL) { u.Host = "HOST" }), "HOST", "127.0.0.1:port", 1),
			"percent that is none":  good.Scheme + "://nobody:" + password + "%zz@" + good.Host + "/x",
			"unescaped":             good.Scheme + "://nobody:" + password + "@" + good.Host + "/x",
			"control character":     good.Scheme + "://nobody:" + password + "\x01@" + good.Host + "/x",
			"no scheme":             "nobody:" + password + "@" + good.Host + "/x",
			"password in the query": good.Scheme + "://nobody@127.0.0.1:1/x?password=" + url.QueryEscape(password),
		}
		c := w.cli(t, map[string]string{"0007_convert": convert(w)})
		quiet := func(name string, p *process) {
			t.Helper()
			for _, part := range passwordParts {
				if strings.Contains(p.said(), part) {
					t.Errorf("%s: the password (%s) is shown:\n%s", name, part, p.said())
					return
				}
			}
		}
		for name, bad := range tests {
			c.url = bad
			quiet(name, c.run(t, 1, "plan", "-v"))
			c.url = "" // on the command line it is no safer, but no less
			quiet(name, c.run(t, 1, "plan", "-v", "--database-url", bad))
		}
		for _, command := range []string{"expand", "status", "verify", "init"} {
			c.url = tests["wrong account"]
			quiet(command, c.run(t, 1, command, "-v"))
		}
	})
}
