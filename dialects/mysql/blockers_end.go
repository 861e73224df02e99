package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/executor"
)

// powers are the privileges whose holders' sessions are never ended: they are
// superusers, or replicate.
var powers = []string{
	"SUPER", "CONNECTION_ADMIN", "CONNECTION ADMIN", "SYSTEM_USER", "REPLICATION SLAVE", "REPLICATION_SLAVE_ADMIN",
	"REPLICATION SLAVE ADMIN", "GROUP_REPLICATION_ADMIN",
}

// EndBlocker implements executor.Session. Connections' numbers are not used twice.
func (s *session) EndBlocker(ctx context.Context, b executor.Blocker) error {
	switch {
	case b.Suspected:
		return errors.New("this server does not tell who holds the lock, so that nobody is ended: it needs performance_schema with the instrument " + mdl)
	case s.isOwn(b.PID):
		return errors.New("it is one of migrate's own")
	}
	var user, command string
	err := s.db.QueryRowContext(ctx, "SELECT user, command FROM information_schema.processlist WHERE id = ?", b.PID).Scan(&user, &command)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("it has just ended")
	case err != nil:
		return fmt.Errorf("asking whose connection %d is: %w", b.PID, s.Redact(err))
	case strings.HasPrefix(command, "Binlog Dump"):
		return errors.New("it replicates")
	case user == "system user", user == "event_scheduler", command == "Daemon":
		return errors.New("it is the server's own")
	}
	if err := s.ordinary(ctx, user); err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, fmt.Sprintf("KILL %d", b.PID))
	if number(err) == errNoSuchThread {
		return errors.New("it has just ended")
	}
	if err != nil {
		return fmt.Errorf("ending connection %d: %w", b.PID, s.Redact(err))
	}
	return nil
}

// ordinary fails unless no account of a name has powers, be it by a role. A
// session tells the host that it comes from, not the one in its account's name.
func (s *session) ordinary(ctx context.Context, user string) error {
	grants, err := s.pairs(ctx, "SELECT grantee, privilege_type FROM information_schema.user_privileges")
	if err != nil {
		return fmt.Errorf("asking for the privileges of %s: %w", user, s.Redact(err))
	}
	roles := "SELECT to_user, from_user FROM mysql.role_edges"
	if s.engine.maria {
		roles = "SELECT user, role FROM mysql.roles_mapping"
	}
	edges, err := s.pairs(ctx, roles)
	if err != nil {
		return fmt.Errorf("asking for the roles of %s: %w", user, s.Redact(err))
	}
	names := []string{user}
	for i := 0; i < len(names); i++ {
		for _, e := range edges {
			if e[0] == names[i] && !slices.Contains(names, e[1]) {
				names = append(names, e[1])
			}
		}
	}
	known := false
	for _, g := range grants {
		name := g[0]
		if at := strings.LastIndex(name, "'@'"); at >= 0 {
			name = strings.TrimPrefix(name[:at], "'")
		}
		known = known || name == user
		if slices.Contains(names, name) && slices.Contains(powers, g[1]) {
			return fmt.Errorf("its user has the privilege %s", g[1])
		}
	}
	if !known {
		return errors.New("this user may not see what privileges its user has")
	}
	return nil
}

// pairs reads two columns of text.
func (s *session) pairs(ctx context.Context, query string) ([][2]string, error) {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var out [][2]string
	for rows.Next() {
		var p [2]string
		if err := rows.Scan(&p[0], &p[1]); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
