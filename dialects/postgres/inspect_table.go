package postgres

import (
	"github.com/expandcontract/migrate/planner"
)

// rights reads who may use a table, for a second name of it, and whether rows of
// other tables go when a row of it goes.
func (in *inspector) rights(t *planner.Table, oid int64) []reading {
	rights := reading{what: "the rights on " + t.Ref.String(), args: []any{oid}, query: `
		SELECT CASE WHEN c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) THEN '' ELSE pg_get_userbyid(c.relowner) END,
		coalesce((
			SELECT string_agg(line, E'\n' ORDER BY line) FROM (
				SELECT string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type) || ' ON %s TO ' || grantee.name || grantee.further
				FROM aclexplode(c.relacl) x, LATERAL (SELECT ` + granteeName + `, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grantee(name, further)
				WHERE x.grantee <> c.relowner AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY grantee.name, grantee.further
				UNION ALL
				SELECT string_agg(format('%s (%I)', x.privilege_type, a.attname), ', ' ORDER BY a.attnum, x.privilege_type) || ' ON %s TO ' || grantee.name || grantee.further
				FROM pg_attribute a, aclexplode(a.attacl) x, LATERAL (SELECT ` + granteeName + `, CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grantee(name, further)
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND x.grantee <> c.relowner
				AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE') GROUP BY grantee.name, grantee.further
			) AS g(line)), ''),
		coalesce((SELECT string_agg(k.conname, ', ' ORDER BY k.conname) FROM pg_constraint k
			WHERE k.contype = 'f' AND k.confrelid = c.oid AND k.confdeltype IN ('c', 'n', 'd')), '')
		FROM pg_class c WHERE c.oid = $1::int8::oid`, row: func(scan func(...any) error) error {
		var owner, grants, cascades string
		if err := scan(&owner, &grants, &cascades); err != nil {
			return err
		}
		for fact, value := range map[string]string{factOwner: owner, factGrants: grants, factCascades: cascades} {
			if value != "" {
				t.Facts[fact] = value
			}
		}
		return nil
	}}
	return []reading{rights, in.counters(t, oid), in.partitions(t, oid)}
}

// granteeName writes a grantee of aclexplode x as GRANT wants it.
const granteeName = `CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END`

// counters reads the sequences that columns count with, what is said and allowed
// of them, and the expressions of
// generated columns: what undoing a change of them needs.
func (in *inspector) counters(t *planner.Table, oid int64) reading {
	return reading{what: "the sequences of " + t.Ref.String(), args: []any{oid}, query: `
		WITH q AS (
			SELECT a.attname, format('%I.%I', n.nspname, c.relname) AS name, c.oid, c.relowner, c.relacl,
				format(' AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %s',
					format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS options
			FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S' JOIN pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_sequence q ON q.seqrelid = c.oid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
			WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::int8::oid AND d.deptype IN ('a', 'i')
		)
		SELECT '` + factSequence + `' || q.attname, q.name || q.options FROM q
		UNION ALL
		SELECT '` + factSequenceRights + `' || r.attname, r.script FROM (
			SELECT q.attname, concat_ws(E'\x01',
				(SELECT string_agg(g.script, E'\x01' ORDER BY g.script) FROM (
					SELECT format('GRANT %s ON SEQUENCE %s TO %s', string_agg(x.privilege_type, ', ' ORDER BY x.privilege_type), q.name, ` + granteeName + `)
						|| CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS script
					FROM aclexplode(q.relacl) x WHERE x.grantee <> q.relowner GROUP BY x.grantee, x.is_grantable) AS g),
				'COMMENT ON SEQUENCE ' || q.name || ' IS ' || quote_literal(obj_description(q.oid, 'pg_class'))) AS script
			FROM q) AS r WHERE r.script <> ''
		UNION ALL
		SELECT '` + factExpression + `' || a.attname, pg_get_expr(f.adbin, f.adrelid)
		FROM pg_attribute a JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
		WHERE a.attrelid = $1::int8::oid AND a.attgenerated <> '' AND NOT a.attisdropped`, row: func(scan func(...any) error) error {
		var fact, value string
		if err := scan(&fact, &value); err != nil {
			return err
		}
		t.Facts[fact] = value
		return nil
	}}
}

// partitions reads what is below a partitioned table, and how a partition is
// bound to its parent.
func (in *inspector) partitions(t *planner.Table, oid int64) reading {
	return reading{what: "the partitions of " + t.Ref.String(), args: []any{oid}, query: `
		SELECT CASE WHEN c.relkind <> 'p' THEN '' ELSE coalesce((
				SELECT json_agg(json_build_object('schema', n.nspname, 'name', r.relname, 'parent', format('"%s"."%s"', replace(m.nspname, '"', '""'), replace(q.relname, '"', '""')),
					'leaf', p.isleaf, 'default', pg_get_expr(r.relpartbound, r.oid) = 'DEFAULT', 'indexes', (SELECT coalesce(json_agg(o.relname ORDER BY o.relname), '[]') FROM pg_index x JOIN pg_class o ON o.oid = x.indexrelid WHERE x.indrelid = r.oid))
					ORDER BY p.level, n.nspname, r.relname)
				FROM pg_partition_tree(c.oid) p JOIN pg_class r ON r.oid = p.relid JOIN pg_namespace n ON n.oid = r.relnamespace
				JOIN pg_class q ON q.oid = p.parentrelid JOIN pg_namespace m ON m.oid = q.relnamespace WHERE p.level > 0)::text, '[]') END,
			CASE WHEN c.relkind <> 'p' THEN '' ELSE coalesce((SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_partitioned_table k, pg_attribute a
				WHERE k.partrelid = c.oid AND a.attrelid = c.oid AND a.attnum = ANY (k.partattrs))::text, '[]') END,
			-- A partitioned table owns the columns of its key, those of expressions too (StorePartitionKey).
			CASE WHEN c.relkind <> 'p' THEN '' ELSE (SELECT coalesce(json_agg(DISTINCT a.attname), '[]') FROM pg_partition_tree(c.oid) p
				JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = p.relid AND d.objsubid > 0
					AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relid AND d.refobjsubid = 0 AND d.deptype = 'i'
				JOIN pg_attribute a ON a.attrelid = p.relid AND a.attnum = d.objsubid)::text END,
			coalesce(pg_get_expr(c.relpartbound, c.oid), ''), coalesce(pg_get_partition_constraintdef(c.oid), ''),
			coalesce((SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = c.oid AND c.relispartition), '')
		FROM pg_class c WHERE c.oid = $1::int8::oid`, row: func(scan func(...any) error) error {
		var parts, key, deciding, bound, check, parent string
		if err := scan(&parts, &key, &deciding, &bound, &check, &parent); err != nil {
			return err
		}
		for fact, value := range map[string]string{
			factPartitions: parts, factPartitionKey: key, factPartitionColumns: deciding, factPartitionBound: bound, factPartitionCheck: check, factPartitionOf: parent,
		} {
			if value != "" {
				t.Facts[fact] = value
			}
		}
		return nil
	}}
}
