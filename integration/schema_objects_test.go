package integration

// schema_objects_test.go describes what is in a PostgreSQL database besides
// tables: the definition of each thing, its owner, its comment, who may use it.

// aclOf lists privileges, those that nobody has changed among them, in an order
// that does not depend on when they were granted.
func aclOf(acl, kind, owner string) string {
	return `(SELECT string_agg(g::text, ' ' ORDER BY g::text) FROM aclexplode(coalesce(` + acl + `, acldefault(` + kind + `, ` + owner + `))) g)`
}

var postgresObjects = []string{
	`SELECT format('relation %I.%I owner %s replica identity %s toast %s', n.nspname, c.relname, c.relowner::regrole, c.relreplident,
		ARRAY(SELECT unnest(t.reloptions) FROM pg_class t WHERE t.oid = c.reltoastrelid ORDER BY 1))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ` + notOurs,
	`SELECT format('function %s %s owner %s acl %s comment %L', p.oid::regprocedure, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END, p.proowner::regrole,
		` + aclOf("p.proacl", "'f'", "p.proowner") + `, obj_description(p.oid, 'pg_proc')) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + notOurs,
	`SELECT format('trigger %s on %s comment %L', tgname, tgrelid::regclass, obj_description(oid, 'pg_trigger')) FROM pg_trigger WHERE NOT tgisinternal`,
	`SELECT format('rule %s comment %L', pg_get_ruledef(r.oid), obj_description(r.oid, 'pg_rewrite')) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.rulename <> '_RETURN' AND ` + notOurs,
	`SELECT format('policy %s on %s permissive %s for %s to %s using %s check %s comment %L', polname, polrelid::regclass, polpermissive, polcmd,
		polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy')) FROM pg_policy`,
	`SELECT format('type %I.%I kind %s owner %s base %s default %s notnull %s attributes %s acl %s comment %L', n.nspname, t.typname, t.typtype, t.typowner::regrole,
		format_type(t.typbasetype, t.typtypmod), t.typdefault, t.typnotnull,
		(SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND NOT attisdropped),
		` + aclOf("t.typacl", "'T'", "t.typowner") + `, obj_description(t.oid, 'pg_type')) FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
		LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND ` + notOurs,
	`SELECT format('domain constraint %s of %s %s validated %s', conname, contypid::regtype, pg_get_constraintdef(oid), convalidated) FROM pg_constraint WHERE contypid <> 0
		AND contypid::regtype::text NOT LIKE 'information_schema.%'`,
	`SELECT format('schema %s owner %s acl %s comment %L', n.nspname, n.nspowner::regrole, ` + aclOf("n.nspacl", "'n'", "n.nspowner") + `, obj_description(n.oid, 'pg_namespace'))
		FROM pg_namespace n WHERE ` + notOurs,
	`SELECT format('extension %s %s in %s comment %L', extname, extversion, extnamespace::regnamespace, obj_description(oid, 'pg_extension')) FROM pg_extension`,
	`SELECT format('collation %I.%I %s', n.nspname, l.collname, l.collcollate) FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace WHERE ` + notOurs,
	`SELECT format('statistics %s target %s owner %s comment %L', pg_get_statisticsobjdef(oid), coalesce(stxstattarget, -1), stxowner::regrole,
		obj_description(oid, 'pg_statistic_ext')) FROM pg_statistic_ext`,
	`SELECT format('publication %s all %s insert %s update %s delete %s truncate %s root %s comment %L', pubname, puballtables, pubinsert, pubupdate, pubdelete,
		pubtruncate, pubviaroot, obj_description(oid, 'pg_publication')) FROM pg_publication`,
	`SELECT format('published %s %s by %s', schemaname, t, pubname) FROM (SELECT pubname, schemaname, to_jsonb(p) - 'pubname' AS t FROM pg_publication_tables p) x`,
	`SELECT format('default privileges of %s in %s on %s: %s', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, ` + aclOf("defaclacl", "'r'", "defaclrole") + `) FROM pg_default_acl`,
}
