package postgres

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// dependentsQuery lists, as (kind, name, column, definition), whatever mentions
// the table of $1. A NULL column means the table as a whole; a definition is a
// script that makes the thing anew, for what can follow a column to another one. Of a column's options only
// those that people set count: the server may keep a mark of its own there
// (pg_attver, seen on 17.12).
const dependentsQuery = `
WITH deps AS (
	SELECT classid, objid, objsubid, deptype, nullif(refobjsubid, 0) AS num FROM pg_depend
	WHERE refclassid = 'pg_class'::regclass AND refobjid = $1::int8::oid
), found(kind, name, num, definition) AS (
	-- Views and rules: what their rewrite rules mention.
	SELECT CASE WHEN r.rulename <> '_RETURN' THEN 'rule' WHEN v.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
		CASE WHEN r.rulename <> '_RETURN' THEN r.rulename::text ELSE r.ev_class::regclass::text END, d.num, NULL::text
	FROM deps d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass JOIN pg_class v ON v.oid = r.ev_class
	WHERE NOT (r.ev_class = $1::int8::oid AND r.rulename = '_RETURN')
	UNION ALL
	SELECT 'policy', p.polname || ' on ' || p.polrelid::regclass, d.num, NULL
	FROM deps d JOIN pg_policy p ON p.oid = d.objid AND d.classid = 'pg_policy'::regclass
	UNION ALL
	-- Functions whose bodies are SQL that the server has parsed (from PostgreSQL 14 on).
	SELECT 'function', d.objid::regprocedure::text, d.num, NULL
	FROM deps d WHERE d.classid = 'pg_proc'::regclass
	UNION ALL
	-- Triggers: the columns of UPDATE OF and of WHEN.
	SELECT 'trigger', t.tgname::text, d.num, NULL
	FROM pg_trigger t LEFT JOIN deps d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
	WHERE t.tgrelid = $1::int8::oid AND NOT t.tgisinternal AND NOT ` + oursCondition + `
	UNION ALL
	-- Triggers' functions: the server does not look into their bodies.
	SELECT 'trigger function', p.oid::regproc::text, a.attnum, t.tgname::text
	FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE t.tgrelid = $1::int8::oid AND NOT t.tgisinternal AND NOT ` + oursCondition + `
	AND p.prosrc ~* ('\m(new|old)\s*\.\s*"?' || regexp_replace(a.attname, '([^[:alnum:]_])', '\\\1', 'g') || '(?![[:alnum:]_])')
	UNION ALL
	-- BEFORE row triggers on INSERT or UPDATE whose names sort after ours.
	SELECT 'late trigger', t.tgname::text, NULL, NULL FROM pg_trigger t
	WHERE t.tgrelid = $1::int8::oid AND NOT t.tgisinternal AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0
	AND t.tgname::text COLLATE "C" >= '` + triggerPrefix + `' AND NOT ` + oursCondition + `
	UNION ALL
	SELECT 'foreign key', k.conname || ' of ' || k.conrelid::regclass, i.num, NULL
	FROM pg_constraint k, unnest(k.confkey) AS i(num) WHERE k.contype = 'f' AND k.confrelid = $1::int8::oid AND k.conparentid = 0
	UNION ALL
	SELECT 'generated column', a.attname::text, d.num, NULL
	FROM deps d JOIN pg_attrdef f ON f.oid = d.objid AND d.classid = 'pg_attrdef'::regclass
	JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
	WHERE f.adrelid <> $1::int8::oid OR d.num <> f.adnum
	UNION ALL
	-- Before PostgreSQL 15 the generated column itself depends, not its expression.
	SELECT 'generated column', a.attname::text, d.num, NULL
	FROM deps d JOIN pg_attribute a ON a.attrelid = d.objid AND a.attnum = d.objsubid AND a.attgenerated <> ''
	WHERE d.classid = 'pg_class'::regclass AND d.objid = $1::int8::oid AND d.num <> d.objsubid
	UNION ALL
	SELECT 'statistics', s.stxname::text, i.num, ` + statisticsScript + `
	FROM pg_statistic_ext s, unnest(s.stxkeys) AS i(num) WHERE s.stxrelid = $1::int8::oid
	UNION ALL
	SELECT 'statistics', s.stxname::text, d.num, ` + statisticsScript + `
	FROM deps d JOIN pg_statistic_ext s ON s.oid = d.objid AND d.classid = 'pg_statistic_ext'::regclass
	UNION ALL
	-- Sequences that a column owns; those of identity columns are the column's own affair.
	SELECT 'sequence', q.oid::regclass::text, d.num, NULL
	FROM deps d JOIN pg_class q ON q.oid = d.objid AND d.classid = 'pg_class'::regclass AND q.relkind = 'S' AND d.deptype = 'a'
	UNION ALL
	-- Privileges that somebody but the owner has given cannot be given again in their name.
	SELECT 'column grant', a.attname::text, a.attnum, (
		SELECT CASE WHEN bool_and(p.grantor = c.relowner) THEN string_agg(format('GRANT %%s (%%I) ON TABLE %%s TO %%s%%s', p.privilege_type, a.attname,
			c.oid::regclass, CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END,
			CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '; ' ORDER BY p.n) END
		FROM aclexplode(a.attacl) WITH ORDINALITY AS p(grantor, grantee, privilege_type, is_grantable, n), pg_class c WHERE c.oid = a.attrelid)
	FROM pg_attribute a WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
	UNION ALL
	-- ALTER COLUMN TYPE keeps these two settings; how values are stored it sets back.
	SELECT 'column setting', a.attname::text, a.attnum, concat_ws('; ',
		CASE WHEN a.attstattarget >= 0 THEN format('ALTER TABLE %%s ALTER COLUMN %%I SET STATISTICS %%s', a.attrelid::regclass, a.attname, a.attstattarget) END,
		(SELECT format('ALTER TABLE %%s ALTER COLUMN %%I SET (%%s)', a.attrelid::regclass, a.attname, string_agg(o, ', '))
			FROM unnest(a.attoptions) AS o WHERE o LIKE 'n\_distinct%%' HAVING count(*) > 0))
	FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
	WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
	AND (EXISTS (SELECT FROM unnest(a.attoptions) AS o WHERE o LIKE 'n\_distinct%%') OR coalesce(a.attstattarget, -1) >= 0 OR a.attstorage <> y.typstorage)
	UNION ALL
	%s
)
SELECT f.kind, f.name, string_agg(DISTINCT a.attname, E'\x01' ORDER BY a.attname), coalesce(f.definition, '')
FROM found f LEFT JOIN pg_attribute a ON a.attrelid = $1::int8::oid AND a.attnum = f.num
GROUP BY 1, 2, 4 ORDER BY 1, 2`

// statisticsScript makes statistics anew, with their comment and owner.
const statisticsScript = `concat_ws('; ', pg_get_statisticsobjdef(s.oid),
		'COMMENT ON STATISTICS ' || s.stxnamespace::regnamespace || '.' || quote_ident(s.stxname) || ' IS ' || quote_literal(obj_description(s.oid, 'pg_statistic_ext')),
		CASE WHEN s.stxowner <> current_user::regrole THEN format('ALTER STATISTICS %%s.%%I OWNER TO %%I', s.stxnamespace::regnamespace, s.stxname,
			pg_get_userbyid(s.stxowner)) END)`

// oursCondition recognises our own triggers, which are no dependants.
const oursCondition = `(left(t.tgname, 9) = '` + triggerPrefix + `' AND EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE p.oid = t.tgfoid AND n.nspname = '` + ourSchema + `'))`

// Publications list columns and have row filters from PostgreSQL 15 on.
const (
	publicationsOld = `SELECT 'publication', p.pubname::text, NULL::int2, NULL FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
		WHERE r.prrelid = $1::int8::oid`
	publicationsNew = `SELECT 'publication', p.pubname::text, i.num, NULL FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
		LEFT JOIN LATERAL (
			SELECT u.num FROM unnest(r.prattrs) AS u(num)
			UNION SELECT d.num FROM deps d WHERE d.classid = 'pg_publication_rel'::regclass AND d.objid = r.oid
		) i ON true WHERE r.prrelid = $1::int8::oid`
)

func (in *inspector) dependents(t *planner.Table, oid int64) reading {
	publications := publicationsNew
	if in.version < 150000 {
		publications = publicationsOld
	}
	return reading{what: "the dependants of " + t.Ref.String(), args: []any{oid}, query: fmt.Sprintf(dependentsQuery, publications), row: func(scan func(...any) error) error {
		var d planner.Dependent
		var columns *string
		if err := scan(&d.Kind, &d.Name, &columns, &d.Definition); err != nil {
			return err
		}
		if columns != nil {
			d.Columns = strings.Split(*columns, "\x01")
		}
		t.Dependents = append(t.Dependents, d)
		return nil
	}}
}
