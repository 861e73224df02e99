package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// inspect_object.go reads what undoing a change of an object needs. Each kind
// is one query, however many objects of it there are.

// Separators in facts that are lists, and in their entries.
const (
	listSeparator  = "\x01"
	entrySeparator = "\x02"
)

// Facts of objects. Privileges are entries of grantee (empty: PUBLIC),
// privilege, whether it may be passed on, and the column.
const (
	factHolder     = "owner"
	factRole       = "role" // that which migrates
	factComment    = "comment"
	factACL        = "privileges"
	factOptions    = "options"
	factColumns    = "columns"
	factDependents = "dependents"
	factUnique     = "unique index" // one that REFRESH CONCURRENTLY can use
	factPopulated  = "populated"
	factEnabled    = "enabled"
	factOwnedBy    = "owned by"
	factLabels     = "labels"
	factDefault    = "default"
	factNotNull    = "not null"
	factUsers      = "used by"
	factConstraint = "constraint "
	factRows       = "row security"
	factForced     = "forced row security"
	factReplica    = "replica identity"
	factCluster    = "cluster"
	factTarget     = "statistics target"
	factStorage    = "storage"
	factPacked     = "compression"
	factTables     = "tables"
	factParameters = "parameters"
	factVersion    = "version"
	factOn         = "privileges on "
)

// aclEntries writes the SQL of a list of privileges; kind is acldefault's letter.
func aclEntries(acl, kind, owner, column string) string {
	return `(SELECT string_agg(concat_ws(E'\x02', CASE g.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.privilege_type, g.is_grantable::text, ` + column + `),
		E'\x01' ORDER BY g.grantee, g.privilege_type) FROM aclexplode(coalesce(` + acl + `, acldefault('` + kind + `', ` + owner + `))) g)`
}

// relationACL are the privileges on a table and on its columns.
var relationACL = `concat_ws(E'\x01', ` + aclEntries("c.relacl", "r", "c.relowner", "''") + `,
	(SELECT string_agg(concat_ws(E'\x02', CASE g.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.privilege_type, g.is_grantable::text, a.attname),
		E'\x01' ORDER BY a.attnum, g.grantee, g.privilege_type) FROM pg_attribute a, aclexplode(a.attacl) g
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))`

// wanted are the objects of one kind that a query looks for: their quoted
// names, plain names, tables and details.
const wanted = `WITH w AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS w(full_name, name, tab, detail, i)) `

// visible is the condition that a name without a schema is found in namespace n.
const visible = `(w.full_name = '"' || replace(n.nspname, '"', '""') || '"."' || replace(w.name, '"', '""') || '"'
	OR w.full_name NOT LIKE '%"."%' AND n.nspname = ANY (current_schemas(true)))`

// typeUsers lists what needs a type t or an array of it: columns (and defaults of
// columns) as schema, table and column, everything else in the server's words.
// Constraints and indexes are told of with their columns, and so are views that
// read a column of the type.
const typeUsers = `(SELECT string_agg(DISTINCT CASE WHEN a.attname IS NULL THEN pg_describe_object(d.classid, d.objid, d.objsubid)
			ELSE concat_ws(E'\x02', m.nspname, c.relname, a.attname) END, E'\x01')
		FROM pg_depend d LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
		LEFT JOIN pg_attribute a ON a.attrelid = coalesce(f.adrelid, CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END) AND a.attnum = coalesce(f.adnum, nullif(d.objsubid, 0))
		LEFT JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_namespace m ON m.oid = c.relnamespace
		WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype NOT IN ('i', 'e')
			AND coalesce(c.relkind, 'r') NOT IN ('v', 'm') AND d.classid <> 'pg_constraint'::regclass AND NOT (d.classid = 'pg_class'::regclass AND d.objsubid = 0)
			AND NOT (d.classid = 'pg_rewrite'::regclass AND EXISTS (SELECT FROM pg_depend x JOIN pg_attribute y ON y.attrelid = x.refobjid AND y.attnum = x.refobjsubid
				WHERE x.classid = d.classid AND x.objid = d.objid AND x.refclassid = 'pg_class'::regclass AND y.atttypid IN (t.oid, t.typarray))))`

var objectQueries = map[string]string{
	kindView:    relationQuery("v"),
	kindMatview: relationQuery("m"),
	kindSequence: `SELECT w.i, n.nspname, c.relname, '', json_build_object('owner', pg_get_userbyid(c.relowner), 'role', current_user,
		'comment', obj_description(c.oid, 'pg_class'), 'privileges', ` + aclEntries("c.relacl", "s", "c.relowner", "''") + `,
		'options', (SELECT format('AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %sCYCLE', s.seqtypid::regtype, s.seqincrement,
			s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN '' ELSE 'NO ' END) FROM pg_sequence s WHERE s.seqrelid = c.oid),
		'owned by', (SELECT format('%s.%I', d.refobjid::regclass, a.attname) FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
			WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'))
		FROM w JOIN pg_class c ON c.oid = to_regclass(w.full_name) AND c.relkind = 'S' JOIN pg_namespace n ON n.oid = c.relnamespace`,
	kindFunction: `SELECT w.i, n.nspname, p.proname, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE '' END,
		json_build_object('owner', pg_get_userbyid(p.proowner), 'role', current_user, 'comment', obj_description(p.oid, 'pg_proc'),
		'privileges', ` + aclEntries("p.proacl", "f", "p.proowner", "''") + `, 'parameters', '(' || coalesce((SELECT string_agg(format_type(t, NULL), ', ' ORDER BY o)
			FROM unnest(p.proargtypes) WITH ORDINALITY AS u(t, o)), '') || ')')
		FROM w JOIN pg_proc p ON p.proname = w.name JOIN pg_namespace n ON n.oid = p.pronamespace AND ` + visible,
	kindType: `SELECT w.i, n.nspname, t.typname, '', json_build_object('owner', pg_get_userbyid(t.typowner), 'role', current_user, 'comment', obj_description(t.oid, 'pg_type'),
		'privileges', ` + aclEntries("t.typacl", "T", "t.typowner", "''") + `,
		'labels', (SELECT string_agg(e.enumlabel, E'\x01' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
		'used by', ` + typeUsers + `)
		FROM w JOIN pg_type t ON t.oid = to_regtype(w.full_name) JOIN pg_namespace n ON n.oid = t.typnamespace`,
	kindDomain: `SELECT w.i, n.nspname, t.typname, '', (jsonb_build_object('owner', pg_get_userbyid(t.typowner), 'role', current_user, 'comment', obj_description(t.oid, 'pg_type'),
		'privileges', ` + aclEntries("t.typacl", "T", "t.typowner", "''") + `, 'default', t.typdefault, 'not null', t.typnotnull::text,
		'used by', (SELECT string_agg(DISTINCT format('%I.%I', m.nspname, c.relname), E'\x01') FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			JOIN pg_namespace m ON m.oid = c.relnamespace WHERE a.atttypid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'm', 'p')))
		|| coalesce((SELECT jsonb_object_agg('constraint ' || k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE k.contypid = t.oid), '{}'))::json
		FROM w JOIN pg_type t ON t.oid = to_regtype(w.full_name) AND t.typtype = 'd' JOIN pg_namespace n ON n.oid = t.typnamespace`,
	kindTrigger: `SELECT w.i, '', t.tgname, pg_get_triggerdef(t.oid), json_build_object('enabled', t.tgenabled::text, 'comment', obj_description(t.oid, 'pg_trigger'))
		FROM w JOIN pg_trigger t ON t.tgrelid = to_regclass(w.tab) AND t.tgname = w.name AND NOT t.tgisinternal`,
	kindRule: `SELECT w.i, '', r.rulename, pg_get_ruledef(r.oid), json_build_object('comment', obj_description(r.oid, 'pg_rewrite'))
		FROM w JOIN pg_rewrite r ON r.ev_class = to_regclass(w.tab) AND r.rulename = w.name`,
	kindPolicy: `SELECT w.i, '', p.polname, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass,
			CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
			CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
			(SELECT string_agg(CASE WHEN u = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(u)) END, ', ') FROM unnest(p.polroles) u))
			|| coalesce(' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', '') || coalesce(' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''),
		json_build_object('comment', obj_description(p.oid, 'pg_policy'))
		FROM w JOIN pg_policy p ON p.polrelid = to_regclass(w.tab) AND p.polname = w.name`,
	kindSchema: `SELECT w.i, '', n.nspname, '', json_build_object('owner', pg_get_userbyid(n.nspowner), 'role', current_user, 'comment', obj_description(n.oid, 'pg_namespace'),
		'privileges', ` + aclEntries("n.nspacl", "n", "n.nspowner", "''") + `) FROM w JOIN pg_namespace n ON n.nspname = w.name`,
	kindExtension: `SELECT w.i, '', e.extname, '', json_build_object('version', e.extversion, 'comment', obj_description(e.oid, 'pg_extension'))
		FROM w JOIN pg_extension e ON e.extname = w.name`,
	kindCollation: `SELECT w.i, n.nspname, l.collname, '', json_build_object('owner', pg_get_userbyid(l.collowner), 'role', current_user, 'comment', obj_description(l.oid, 'pg_collation'))
		FROM w JOIN pg_collation l ON l.oid = to_regcollation(w.full_name) JOIN pg_namespace n ON n.oid = l.collnamespace`,
	kindStatistics: `SELECT w.i, n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid), json_build_object('owner', pg_get_userbyid(s.stxowner), 'role', current_user,
		'comment', obj_description(s.oid, 'pg_statistic_ext'), 'statistics target', coalesce(s.stxstattarget, -1)::text, 'tables', s.stxrelid::regclass::text)
		FROM w JOIN pg_statistic_ext s ON s.stxname = w.name JOIN pg_namespace n ON n.oid = s.stxnamespace AND ` + visible,
	kindIndex: `SELECT w.i, n.nspname, c.relname, '', json_build_object('comment', obj_description(c.oid, 'pg_class'),
		'options', array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), E'\x01'), 'tables', x.indrelid::regclass::text)
		FROM w JOIN pg_class c ON c.oid = to_regclass(w.full_name) JOIN pg_index x ON x.indexrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace`,
	kindComment: `SELECT w.i, '', '', '', json_build_object('comment', CASE
			WHEN w.detail LIKE 'column %' THEN col_description(c.oid, (SELECT attnum FROM pg_attribute WHERE attrelid = c.oid AND attname = substr(w.detail, 8) AND NOT attisdropped))
			WHEN w.detail LIKE 'constraint %' THEN (SELECT obj_description(k.oid, 'pg_constraint') FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = substr(w.detail, 12))
			ELSE obj_description(c.oid, 'pg_class') END)
		FROM w JOIN pg_class c ON c.oid = to_regclass(w.tab)`,
	kindPrivileges: `SELECT w.i, '', '', '', json_object_agg('privileges on ' || format('%I.%I', n.nspname, c.relname), ` + relationACL + `)
		FROM w JOIN pg_class c ON c.oid = to_regclass(w.tab) OR w.name = '*' AND c.relkind = ANY (CASE WHEN w.detail = 'all sequence' THEN '{S}'::"char"[] ELSE '{r,p,v,m,f}' END)
			AND w.detail IN ('all table', 'all sequence')
		JOIN pg_namespace n ON n.oid = c.relnamespace AND (w.name <> '*' OR w.full_name = '"' || replace(n.nspname, '"', '""') || '"."*"') GROUP BY w.i`,
	kindDefaults: `SELECT w.i, '', '', '', json_build_object('role', current_user, 'privileges', (
			SELECT string_agg(concat_ws(E'\x02', CASE g.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.privilege_type, g.is_grantable::text), E'\x01')
			FROM aclexplode(coalesce(a.defaclacl, CASE WHEN k.schema = 0 THEN acldefault(k.letter, r.oid) END)) g))
		FROM w JOIN pg_roles r ON r.rolname = CASE w.detail WHEN '' THEN current_user ELSE w.detail END CROSS JOIN
		LATERAL (SELECT (CASE w.name WHEN 'table' THEN 'r' WHEN 'sequence' THEN 's' WHEN 'function' THEN 'f' WHEN 'type' THEN 'T' ELSE 'n' END)::"char" AS letter,
			coalesce((SELECT oid FROM pg_namespace WHERE w.full_name LIKE '"' || replace(nspname, '"', '""') || '"."%'), 0) AS schema) k
		LEFT JOIN pg_default_acl a ON a.defaclrole = r.oid AND a.defaclnamespace = k.schema AND upper(a.defaclobjtype::text) = upper(k.letter::text)`,
	kindTableSetting: `SELECT w.i, '', '', '', json_build_object('options', concat_ws(E'\x01', array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), E'\x01'),
			(SELECT string_agg('toast.' || o, E'\x01' ORDER BY o) FROM pg_class x, unnest(x.reloptions) o WHERE x.oid = c.reltoastrelid)), 'owner', pg_get_userbyid(c.relowner),
		'privileges', ` + relationACL + `, 'row security', c.relrowsecurity::text, 'forced row security', c.relforcerowsecurity::text, 'replica identity', CASE c.relreplident
			WHEN 'd' THEN 'DEFAULT' WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' ELSE 'USING INDEX ' || (SELECT quote_ident(i.relname) FROM pg_index x
			JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid AND x.indisreplident) END,
		'cluster', (SELECT quote_ident(i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid AND x.indisclustered))
		FROM w JOIN pg_class c ON c.oid = to_regclass(w.tab)`,
	kindColumn: `SELECT w.i, '', '', '', json_build_object('statistics target', coalesce(a.attstattarget, -1)::text, 'storage', a.attstorage::text,
		'compression', %[1]s, 'options', array_to_string(ARRAY(SELECT unnest(a.attoptions) ORDER BY 1), E'\x01'))
		FROM w JOIN pg_attribute a ON a.attrelid = to_regclass(w.tab) AND a.attname = substr(w.detail, 8) AND NOT a.attisdropped`,
	kindPublication: `SELECT w.i, '', p.pubname, '', json_build_object('owner', pg_get_userbyid(p.pubowner), 'role', current_user,
		'comment', obj_description(p.oid, 'pg_publication'), 'options', format('publish = %%L, publish_via_partition_root = %%s', concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END,
			CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END), CASE WHEN p.pubviaroot THEN 'true' ELSE 'false' END),
		'tables', CASE WHEN p.puballtables THEN 'ALL TABLES' ELSE concat_ws(', ', %[2]s) END)
		FROM w JOIN pg_publication p ON p.pubname = w.name`,
}

// relationQuery reads views of a kind. Their definition is all that it takes to
// make one again.
func relationQuery(kind string) string {
	return `SELECT w.i, n.nspname, c.relname, concat_ws(E'\x01', format('CREATE VIEW %I.%I', n.nspname, c.relname)
			|| coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || E' AS\n' || rtrim(pg_get_viewdef(c.oid), ';'),
			(SELECT string_agg(format('ALTER VIEW %I.%I ALTER COLUMN %I SET DEFAULT %s', n.nspname, c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid)), E'\x01' ORDER BY a.attnum)
				FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = c.oid),
			(SELECT string_agg(format('COMMENT ON COLUMN %I.%I.%I IS %L', n.nspname, c.relname, a.attname, col_description(c.oid, a.attnum)), E'\x01' ORDER BY a.attnum)
				FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NOT NULL),
			(SELECT string_agg(pg_get_ruledef(r.oid), E'\x01' ORDER BY r.rulename) FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'),
			(SELECT string_agg(pg_get_triggerdef(t.oid), E'\x01' ORDER BY t.tgname) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)),
		json_build_object('owner', pg_get_userbyid(c.relowner), 'role', current_user, 'comment', obj_description(c.oid, 'pg_class'),
		'privileges', ` + relationACL + `, 'options', array_to_string(ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), E'\x01'), 'populated', c.relispopulated::text,
		'columns', (SELECT string_agg(a.attname, E'\x01' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
		'unique index', (SELECT 'yes' FROM pg_index x WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL LIMIT 1),
		'tables', (SELECT string_agg(i.relname, E'\x01' ORDER BY i.relname) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid),
		'dependents', (SELECT string_agg(DISTINCT format('%s%s%s', m.nspname, E'\x02', v.relname), E'\x01') FROM pg_depend d
			JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class JOIN pg_namespace m ON m.oid = v.relnamespace
			WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND v.oid <> c.oid))
		FROM w JOIN pg_class c ON c.oid = to_regclass(w.full_name) AND c.relkind = '` + kind + `' JOIN pg_namespace n ON n.oid = c.relnamespace`
}

// What PostgreSQL 14 and 15 brought: compression of columns; column lists, row
// filters and schemas of publications.
const (
	compressionNew = `CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE 'default' END`
	publishedOld   = `(SELECT string_agg('TABLE ' || r.prrelid::regclass, ', ' ORDER BY r.prrelid::regclass::text) FROM pg_publication_rel r WHERE r.prpubid = p.oid)`
	publishedNew   = `(SELECT string_agg('TABLE ' || r.prrelid::regclass || coalesce(' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
		FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')', '') || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', ''),
		', ' ORDER BY r.prrelid::regclass::text) FROM pg_publication_rel r WHERE r.prpubid = p.oid),
		(SELECT string_agg('TABLES IN SCHEMA ' || quote_ident(n.nspname), ', ' ORDER BY n.nspname) FROM pg_publication_namespace s
			JOIN pg_namespace n ON n.oid = s.pnnspid WHERE s.pnpubid = p.oid)`
)

func objectQuery(kind string, version int) string {
	query := objectQueries[kind]
	compression, published := compressionNew, publishedNew
	if version < 140000 {
		compression = "NULL"
	}
	if version < 150000 {
		published = publishedOld
	}
	switch kind {
	case kindColumn:
		query = strings.ReplaceAll(query, "%[1]s", compression)
	case kindPublication:
		query = strings.ReplaceAll(strings.ReplaceAll(query, "%[2]s", published), "%%", "%")
	}
	return wanted + query
}

// objects reads the objects that a migration mentions.
func (in *inspector) objects(ctx context.Context, refs []planner.ObjectRef, path []string) ([]*planner.Object, error) {
	byKind := map[string][]planner.ObjectRef{}
	var kinds []string
	for _, r := range refs {
		if objectQueries[baseKind(r.Kind)] == "" {
			continue
		}
		if byKind[r.Kind] == nil {
			kinds = append(kinds, r.Kind)
		}
		byKind[r.Kind] = append(byKind[r.Kind], r)
	}
	slices.Sort(kinds)
	var out []*planner.Object
	for _, kind := range kinds {
		found, err := in.objectsOf(ctx, kind, byKind[kind], path)
		if err != nil {
			return nil, fmt.Errorf("reading objects of kind %s: %w", kind, err)
		}
		out = append(out, found...)
	}
	for _, o := range out {
		withoutMine(o, out)
	}
	return out, nil
}

// withoutMine leaves out the dependents that the migration itself is about.
func withoutMine(o *planner.Object, all []*planner.Object) {
	var left []string
	for _, d := range list(o.Facts[factDependents]) {
		schema, name, _ := strings.Cut(d, entrySeparator)
		ref := planner.Ref{Schema: schema, Name: name}
		if !slices.ContainsFunc(all, func(x *planner.Object) bool { return x.Ref == ref && (x.Kind == kindView || x.Kind == kindMatview) }) {
			left = append(left, ref.String())
		}
	}
	if o.Facts[factDependents] = strings.Join(left, listSeparator); len(left) == 0 {
		delete(o.Facts, factDependents)
	}
}

// list reads a fact that is a list.
func list(fact string) []string {
	if fact == "" {
		return nil
	}
	return strings.Split(fact, listSeparator)
}

func (in *inspector) objectsOf(ctx context.Context, kind string, refs []planner.ObjectRef, path []string) ([]*planner.Object, error) {
	var full, plain, tables, details []string
	for _, r := range refs {
		full, plain = append(full, quoteRef(r.Ref)), append(plain, r.Ref.Name)
		tables, details = append(tables, quoteRef(r.On)), append(details, r.Detail)
	}
	rows, err := in.tx.QueryContext(ctx, objectQuery(baseKind(kind), in.version), full, plain, tables, details)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is the one of rows.Err
	found := make([][]*planner.Object, len(refs))
	for rows.Next() {
		o := &planner.Object{}
		var i int
		var facts []byte
		if err := rows.Scan(&i, &o.Ref.Schema, &o.Ref.Name, &o.Definition, &facts); err != nil {
			return nil, err
		}
		read := map[string]*string{}
		if err := json.Unmarshal(facts, &read); err != nil {
			return nil, err
		}
		ref := refs[i-1]
		o.Kind, o.On, o.Detail, o.Facts = kind, ref.On, ref.Detail, map[string]string{}
		for k, v := range read {
			if v != nil && *v != "" {
				o.Facts[k] = *v
			}
		}
		if o.Ref.Name == "" {
			o.Ref = ref.Ref
		}
		found[i-1] = append(found[i-1], o)
	}
	var out []*planner.Object
	for i, candidates := range found {
		if o := choose(candidates, refs[i], path); o != nil {
			out = append(out, o)
		}
	}
	return out, rows.Err()
}

// choose picks among objects of one name: along the search path, and of
// functions the one with the arguments that are meant.
func choose(found []*planner.Object, ref planner.ObjectRef, path []string) *planner.Object {
	if baseKind(ref.Kind) == kindFunction {
		if ref.Detail == "" && len(found) > 1 {
			return nil
		}
		found = slices.DeleteFunc(found, func(o *planner.Object) bool {
			return ref.Detail != "" && withoutSchemas(o.Facts[factParameters], path) != withoutSchemas(ref.Detail, path)
		})
	}
	slices.SortStableFunc(found, func(a, b *planner.Object) int {
		return slices.Index(path, a.Ref.Schema) - slices.Index(path, b.Ref.Schema)
	})
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// withoutSchemas drops the schemas that the search path finds anyway from a
// list of types.
func withoutSchemas(types string, path []string) string {
	s := &planner.Schema{Path: path}
	parts := strings.Split(strings.Trim(types, "()"), ", ")
	for i, p := range parts {
		parts[i] = visibleType(s, p)
	}
	return strings.Join(parts, ", ")
}
