package postgres

import "context"

// lately is for how long a session counts as having run a statement after it has
// begun or ended one, in seconds.
const lately = 0.025

// otherStatements is how many statements others run each second: the sessions that
// have begun or ended one in the last 25 ms, as if each ran one in that time. So
// of a single look it is a sample, and of a session that runs more than forty a
// second it is too low. The counters of pg_stat_database would be exact, but sessions
// tell theirs once a second at most (PostgreSQL docs, Viewing Statistics), ours too,
// which run a hundred a second.
//
// What other roles' sessions do is shown to members of pg_read_all_stats only; who
// is none takes each of them to be at work, but for superusers' and replicas'.
func (s *session) otherStatements(ctx context.Context) (rate float64, err error) {
	err = s.db.QueryRowContext(ctx, `
		SELECT count(*) / $2::float8
		FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
		WHERE a.application_name <> $1 AND CASE
			WHEN a.state_change IS NULL THEN NOT (r.rolsuper OR r.rolreplication)
			ELSE a.backend_type = 'client backend' AND a.state_change > clock_timestamp() - $2::float8 * interval '1 second' END`,
		s.application, lately).Scan(&rate)
	return rate, err
}
