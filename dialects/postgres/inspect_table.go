package postgres

import (
	"context"
	"fmt"

	"github.com/expandcontract/migrate/planner"
)

// rights reads who may use a table, for a second name of it, and whether rows of
// other tables go when a row of it goes.
func (in *inspector) rights(ctx context.Context, t *planner.Table, oid int64) error {
	var owner, grants, cascades string
	err := in.tx.QueryRowContext(ctx, `
		SELECT CASE WHEN c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN '' ELSE pg_get_userbyid(c.relowner) END,
		coalesce((
			SELECT string_agg(line, E'\n' ORDER BY line) FROM (
				SELECT string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) || ' ON %s TO ' || grantee.name || grantee.further
				FROM aclexplode(c.relacl) x, LATERAL (SELECT `+granteeName+`, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grantee(name, further)
				WHERE x.grantee <> c.relowner AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY grantee.name, grantee.further
				UNION ALL
				SELECT string_agg(format('%s (%I)', x.privilege_type, a.attname), ', ' ORDER BY a.attnum, x.privilege_type) || ' ON %s TO ' || grantee.name || grantee.further
				FROM pg_attribute a, aclexplode(a.attacl) x, LATERAL (SELECT `+granteeName+`, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grantee(name, further)
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND x.grantee <> c.relowner
				AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE') GROUP BY grantee.name, grantee.further
			) AS g(line)), ''),
		coalesce((SELECT string_agg(k.conname, ', ' ORDER BY k.conname) FROM pg_constraint k
			WHERE k.contype = 'f' AND k.confrelid = c.oid AND k.confdeltype IN ('c', 'n', 'd')), '')
		FROM pg_class c WHERE c.oid = $1::int8::oid`, oid).Scan(&owner, &grants, &cascades)
	if err != nil {
		return fmt.Errorf("reading its rights: %w", err)
	}
	for fact, value := range map[string]string{factOwner: owner, factGrants: grants, factCascades: cascades} {
		if value != "" {
			t.Facts[fact] = value
		}
	}
	return nil
}

// granteeName writes a grantee of aclexplode x as GRANT wants it.
const granteeName = `CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END`
