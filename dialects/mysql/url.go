package mysql

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
)

// parseURL reads mysql://user:password@host:port/database?params. Errors never
// repeat the URL, which may hold a password.
//
// Parameters: tls (true, false, skip-verify, preferred), socket (a path, instead
// of the host), timeout (of connecting, a duration).
func parseURL(raw, scheme string) (*driver.Config, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the database URL cannot be read; it looks like " + scheme + "://user:password@host:3306/database, with special characters in the password written as %XX")
	}
	if u.Scheme != scheme {
		return nil, fmt.Errorf("the database URL starts with %s://, not %s://", u.Scheme, scheme)
	}
	cfg := driver.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(u.Hostname(), u.Port())
	if u.Hostname() == "" {
		cfg.Addr = net.JoinHostPort("127.0.0.1", u.Port())
	}
	if u.Port() == "" {
		cfg.Addr += "3306"
	}
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	if cfg.DBName == "" {
		return nil, fmt.Errorf("the database URL names no database: %s://…/DATABASE", scheme)
	}
	cfg.Timeout = 10 * time.Second
	for name, values := range u.Query() {
		if err := setParam(cfg, name, values[len(values)-1]); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

func setParam(cfg *driver.Config, name, value string) error {
	switch name {
	case "tls":
		switch value {
		case "true", "false", "skip-verify", "preferred":
			cfg.TLSConfig = value
		default:
			return errors.New("the database URL's tls is none of true, false, skip-verify, preferred")
		}
	case "socket":
		cfg.Net, cfg.Addr = "unix", value
	case "timeout":
		d, err := time.ParseDuration(value)
		if err != nil {
			return errors.New("the database URL's timeout is no duration, such as 10s")
		}
		cfg.Timeout = d
	default:
		return fmt.Errorf("the database URL has an unknown parameter %q; there are tls, socket and timeout", name)
	}
	return nil
}
