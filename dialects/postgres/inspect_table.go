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
	if err := in.counters(ctx, t, oid); err != nil {
		return err
	}
	if err := in.partitions(ctx, t, oid); err != nil {
		return err
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

// counters reads the sequences that columns count with, and the expressions of
// generated columns: what undoing a change of them needs.
func (in *inspector) counters(ctx context.Context, t *planner.Table, oid int64) error {
	rows, err := in.tx.QueryContext(ctx, `
		SELECT '`+factSequence+`' || a.attname, format('%I.%I', n.nspname, c.relname) || format(' AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %s',
			format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END)
		FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_sequence q ON q.seqrelid = c.oid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
		WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::int8::oid AND d.deptype IN ('a', 'i')
		UNION ALL
		SELECT '`+factExpression+`' || a.attname, pg_get_expr(f.adbin, f.adrelid)
		FROM pg_attribute a JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
		WHERE a.attrelid = $1::int8::oid AND a.attgenerated <> '' AND NOT a.attisdropped`, oid)
	if err != nil {
		return fmt.Errorf("reading its sequences: %w", err)
	}
	defer func() { _ = rows.Close() }() // its error is the one of rows.Err
	for rows.Next() {
		var fact, value string
		if err := rows.Scan(&fact, &value); err != nil {
			return fmt.Errorf("reading its sequences: %w", err)
		}
		t.Facts[fact] = value
	}
	return rows.Err()
}

// partitions reads what is below a partitioned table, and how a partition is
// bound to its parent.
func (in *inspector) partitions(ctx context.Context, t *planner.Table, oid int64) error {
	var parts, key, bound, check, parent string
	err := in.tx.QueryRowContext(ctx, `
		SELECT CASE WHEN c.relkind <> 'p' THEN '' ELSE coalesce((
				SELECT json_agg(json_build_object('schema', n.nspname, 'name', r.relname, 'parent', format('"%s"."%s"', replace(m.nspname, '"', '""'), replace(q.relname, '"', '""')),
					'leaf', p.isleaf, 'default', pg_get_expr(r.relpartbound, r.oid) = 'DEFAULT', 'indexes', (SELECT coalesce(json_agg(o.relname ORDER BY o.relname), '[]') FROM pg_index x JOIN pg_class o ON o.oid = x.indexrelid WHERE x.indrelid = r.oid))
					ORDER BY p.level, n.nspname, r.relname)
				FROM pg_partition_tree(c.oid) p JOIN pg_class r ON r.oid = p.relid JOIN pg_namespace n ON n.oid = r.relnamespace
				JOIN pg_class q ON q.oid = p.parentrelid JOIN pg_namespace m ON m.oid = q.relnamespace WHERE p.level > 0)::text, '[]') END,
			CASE WHEN c.relkind <> 'p' THEN '' ELSE coalesce((SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_partitioned_table k, pg_attribute a
				WHERE k.partrelid = c.oid AND a.attrelid = c.oid AND a.attnum = ANY (k.partattrs))::text, '[]') END,
			coalesce(pg_get_expr(c.relpartbound, c.oid), ''), coalesce(pg_get_partition_constraintdef(c.oid), ''),
			coalesce((SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition), '')
		FROM pg_class c WHERE c.oid = $1::int8::oid`, oid).Scan(&parts, &key, &bound, &check, &parent)
	if err != nil {
		return fmt.Errorf("reading its partitions: %w", err)
	}
	for fact, value := range map[string]string{
		factPartitions: parts, factPartitionKey: key, factPartitionBound: bound, factPartitionCheck: check, factPartitionOf: parent,
	} {
		if value != "" {
			t.Facts[fact] = value
		}
	}
	return nil
}
