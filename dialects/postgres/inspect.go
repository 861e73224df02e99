package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/expandcontract/migrate/planner"
)

// inspector reads the catalog in one read-only transaction, so that all it
// reads is of one moment.
type inspector struct {
	conn    *sql.Conn
	tx      *sql.Tx
	version int
}

// reading is a query and what is done with each of its rows. Readings of many
// tables go to the server together: the time is one round trip's, however many
// tables a migration is about.
type reading struct {
	what  string
	query string
	args  []any
	row   func(scan func(...any) error) error
}

// read sends readings in one round trip.
func (in *inspector) read(ctx context.Context, rs []reading) error {
	if len(rs) == 0 {
		return nil
	}
	return in.conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", driver)
		}
		batch := &pgx.Batch{}
		for _, r := range rs {
			batch.Queue(r.query, r.args...).Query(func(rows pgx.Rows) error {
				for rows.Next() {
					if err := r.row(rows.Scan); err != nil {
						return fmt.Errorf("reading %s: %w", r.what, err)
					}
				}
				if err := rows.Err(); err != nil {
					return fmt.Errorf("reading %s: %w", r.what, err)
				}
				return nil
			})
		}
		return c.Conn().SendBatch(ctx, batch).Close()
	})
}

// Inspect reads the named tables and what depends on them.
func (s *session) Inspect(ctx context.Context, refs planner.References) (*planner.Schema, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("inspecting the database: %w", err)
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("inspecting the database: %w", err)
	}
	schema, err := (&inspector{conn: conn, tx: tx}).schema(ctx, refs)
	if end := tx.Rollback(); err == nil && end != nil {
		err = end
	}
	if err != nil {
		return nil, fmt.Errorf("inspecting the database: %w", err)
	}
	return schema, nil
}

func (in *inspector) schema(ctx context.Context, refs planner.References) (*planner.Schema, error) {
	out := &planner.Schema{Engine: "postgres", Facts: map[string]string{}}
	var path, domains, bases, loose string
	err := in.tx.QueryRowContext(ctx, `
		SELECT current_setting('server_version'), current_setting('server_version_num')::int, coalesce(current_schema(), ''),
			array_to_string(current_schemas(false), E'\x01'),
			coalesce((SELECT string_agg(format_type(t.oid, NULL), ', ' ORDER BY format_type(t.oid, NULL)) FROM pg_type t
				WHERE t.typtype = 'd' AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
				AND (t.typnotnull OR EXISTS (SELECT FROM pg_constraint k WHERE k.contypid = t.oid))), ''),
			coalesce((SELECT string_agg(format_type(t.oid, NULL) || '=' || format_type(t.typbasetype, t.typtypmod), '; ' ORDER BY t.oid)
				FROM pg_type t WHERE t.typtype = 'd' AND t.typnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)), ''),
			coalesce((SELECT string_agg(collname, '; ' ORDER BY oid) FROM pg_collation WHERE NOT collisdeterministic), '')`).
		Scan(&out.Version, &out.VersionNum, &out.Default, &path, &domains, &bases, &loose)
	if err != nil {
		return nil, fmt.Errorf("reading the server's facts: %w", err)
	}
	in.version = out.VersionNum
	if path != "" {
		out.Path = strings.Split(path, "\x01")
	}
	for fact, value := range map[string]string{factDomains: domains, factBases: bases, factLoose: loose} {
		if value != "" {
			out.Facts[fact] = value
		}
	}
	if out.Tables, err = in.tables(ctx, refs.Tables); err != nil {
		return nil, err
	}
	if out.Objects, err = in.objects(ctx, refs.Objects, out.Path); err != nil {
		return nil, err
	}
	return out, nil
}

// tables reads the named tables, each once, as the search path finds them.
func (in *inspector) tables(ctx context.Context, refs []planner.Ref) ([]*planner.Table, error) {
	type found struct {
		t   *planner.Table
		oid int64
	}
	var all []found
	var look []reading
	for _, r := range refs {
		look = append(look, in.table(r, func(t *planner.Table, oid int64) {
			if !slices.ContainsFunc(all, func(f found) bool { return f.oid == oid }) {
				all = append(all, found{t, oid})
			}
		}))
	}
	if err := in.read(ctx, look); err != nil {
		return nil, err
	}
	var parts []reading
	var out []*planner.Table
	for _, f := range all {
		parts = append(parts, in.columns(f.t, f.oid), in.indexes(f.t, f.oid), in.constraints(f.t, f.oid), in.dependents(f.t, f.oid))
		parts = append(parts, in.rights(f.t, f.oid)...)
		out = append(out, f.t)
	}
	if err := in.read(ctx, parts); err != nil {
		return nil, err
	}
	for _, t := range out {
		estimateRows(t)
	}
	return out, nil
}

// table finds a table as the search path does.
func (in *inspector) table(r planner.Ref, add func(t *planner.Table, oid int64)) reading {
	return reading{what: "table " + r.String(), args: []any{quoteRef(r)}, query: tableQuery, row: func(scan func(...any) error) error {
		t := &planner.Table{Facts: map[string]string{}}
		oid, err := scanTable(t, scan)
		if err == nil {
			add(t, oid)
		}
		return err
	}}
}

func scanTable(t *planner.Table, scan func(...any) error) (int64, error) {
	var oid, pages int64
	var tuples, oldPages float64
	var security, forced, bypassed, inherits, changing bool
	var triggers string
	if err := scan(&oid, &t.Ref.Schema, &t.Ref.Name, &t.Kind, &security, &forced, &bypassed, &inherits, &tuples, &oldPages, &t.Bytes, &pages, &triggers, &changing); err != nil {
		return 0, err
	}
	switch {
	case security && forced:
		t.Facts[factRowSecurity] = "forced"
	case security:
		t.Facts[factRowSecurity] = "enabled"
	}
	if security && bypassed {
		t.Facts[factBypass] = "yes"
	}
	if triggers != "" {
		t.Facts[factUpdateTriggers] = triggers
	}
	if changing {
		t.Facts[factChangingTriggers] = "yes"
	}
	if inherits {
		t.Facts[factInherits] = "yes"
	}
	if tuples > 0 && oldPages > 0 {
		t.Rows = int64(tuples / oldPages * float64(pages))
	} else {
		t.Rows = -pages // the rows per page are estimated from the columns
	}
	return oid, nil
}

const tableQuery = `
		SELECT c.oid::int8, n.nspname, c.relname,
			CASE WHEN c.relpersistence = 't' THEN 'other' WHEN c.relkind = 'p' THEN 'partitioned' WHEN c.relkind = 'v' THEN 'view'
				WHEN c.relkind <> 'r' OR c.relispartition OR h.any THEN 'other' ELSE 'table' END,
			c.relrowsecurity, c.relforcerowsecurity, NOT row_security_active(c.oid), h.any OR c.relispartition,
			c.reltuples::float8, c.relpages::float8,
			CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) WHEN c.relkind = 'p' THEN
				(SELECT coalesce(sum(pg_table_size(relid)), 0) FROM pg_partition_tree(c.oid)) ELSE 0 END,
			CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) / current_setting('block_size')::bigint WHEN c.relkind = 'p' THEN
				(SELECT coalesce(sum(pg_relation_size(relid)), 0)::bigint FROM pg_partition_tree(c.oid) WHERE isleaf) / current_setting('block_size')::bigint ELSE 0 END,
			coalesce((SELECT string_agg(t.tgname, ', ' ORDER BY t.tgname) FROM pg_trigger t
				WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 16 <> 0 AND t.tgenabled IN ('O', 'A') AND NOT ` + oursCondition + `), ''),
			EXISTS (SELECT FROM pg_trigger t
				WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 19 = 19 AND t.tgenabled IN ('O', 'A') AND NOT ` + oursCondition + `)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
			LATERAL (SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid OR inhparent = c.oid) AND c.relkind = 'r' AS any) h
		WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

// estimateRows makes rows of pages where the server has no statistics yet: a
// page holds 8 kB less its header, a row 28 bytes and its columns.
func estimateRows(t *planner.Table) {
	if t.Rows >= 0 {
		return
	}
	width := int64(28)
	for _, c := range t.Columns {
		switch plain, err := readType(c.Type); {
		case err == nil && fixedWidth[plainTypeName(plain)] > 0:
			width += fixedWidth[plainTypeName(plain)]
		default:
			width += 24
		}
	}
	t.Rows *= -max(1, 8168/width)
}

var fixedWidth = map[string]int64{
	"bool": 1, "int2": 2, "int4": 4, "int8": 8, "float4": 4, "float8": 8, "date": 4, "timestamp": 8, "timestamptz": 8, "uuid": 16,
}

func (in *inspector) columns(t *planner.Table, oid int64) reading {
	return reading{what: "the columns of " + t.Ref.String(), args: []any{oid}, query: `
		SELECT a.attname, format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attcollation <> 0 AND a.attcollation <> y.typcollation THEN
				(SELECT collname FROM pg_collation WHERE oid = a.attcollation) ELSE '' END,
			a.attnotnull,
			CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END,
			CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' ELSE
				CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' ELSE '' END END,
			coalesce(col_description(a.attrelid, a.attnum), ''),
			v.volatile, v.stable
		FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
		LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		LEFT JOIN LATERAL (
			SELECT bool_or(p.provolatile = 'v') AS volatile, bool_or(p.provolatile = 's') AS stable
			FROM pg_depend x JOIN pg_proc p ON p.oid = x.refobjid
			WHERE x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid AND x.refclassid = 'pg_proc'::regclass
		) v ON true
		WHERE a.attrelid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, row: func(scan func(...any) error) error {
		var c planner.Column
		var text string
		var volatile, stable *bool
		if err := scan(&c.Name, &c.Type, &c.Collation, &c.NotNull, &text, &c.Generated, &c.Comment, &volatile, &stable); err != nil {
			return err
		}
		if text != "" {
			c.Default = defaultExpr(t.Ref, text, volatile, stable)
		}
		t.Columns = append(t.Columns, c)
		return nil
	}}
}

// defaultExpr reads a default from the catalog. Of functions that the catalog
// tells about (volatile, stable: not nil) its word is taken; other unknown ones
// count as volatile, which is the safe side for a default.
func defaultExpr(table planner.Ref, text string, volatile, stable *bool) planner.Expr {
	e, err := scope{table: table, wary: true}.readExpression(text)
	if err != nil { // a newer grammar than ours: it is kept as it is
		return planner.Expr{Parts: []planner.Part{{Text: text}}, Volatile: true, MaybeNull: true}
	}
	if volatile == nil {
		return e
	}
	sure, err := scope{table: table}.readExpression(text)
	if err != nil {
		return e
	}
	e.Volatile = sure.Volatile || *volatile
	e.Stable = e.Stable || *stable
	return e
}

func (in *inspector) indexes(t *planner.Table, oid int64) reading {
	return reading{what: "the indexes of " + t.Ref.String(), args: []any{oid}, query: `
		SELECT c.relname, x.indisunique, x.indisprimary, coalesce(k.conname, ''),
			x.indexprs IS NULL AND x.indpred IS NULL, pg_get_indexdef(x.indexrelid),
			x.indisunique AND x.indimmediate AND x.indexprs IS NULL AND x.indpred IS NULL,
			(SELECT string_agg(a.attname, E'\x01' ORDER BY i) FROM generate_series(0, x.indnkeyatts - 1) i
				JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[i] WHERE a.attnotnull),
			x.indnkeyatts, coalesce(k.condeferrable, false), coalesce(obj_description(c.oid, 'pg_class'), ''),
			coalesce((SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace), ''), x.indisclustered, x.indisreplident
		FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
		LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x')
		WHERE x.indrelid = $1::int8::oid AND x.indisvalid ORDER BY c.relname`, row: func(scan func(...any) error) error {
		var i planner.Index
		var names bool
		var keyText *string
		var keys int
		var space string
		var clustered, identity bool
		if err := scan(&i.Name, &i.Unique, &i.Primary, &i.Constraint, &i.Simple, &i.Definition, &names, &keyText, &keys,
			&i.Deferrable, &i.Comment, &space, &clustered, &identity); err != nil {
			return err
		}
		stmt, err := readIndex(i.Definition)
		if err != nil {
			return err
		}
		i.Columns = indexColumns(stmt)
		if space != "" { // pg_get_indexdef leaves it out
			stmt.TableSpace = space
			if i.Definition, err = deparse(indexNode(stmt)); err != nil {
				return fmt.Errorf("reading index %s: %w", i.Name, err)
			}
		}
		if clustered {
			t.Facts[factClustered] = i.Name
		}
		if identity {
			t.Facts[factIdentity] = i.Name
		}
		t.Indexes = append(t.Indexes, i)
		if keyText == nil || !names {
			return nil
		}
		key := strings.Split(*keyText, "\x01")
		if len(key) == keys && (i.Primary || t.Key == nil) {
			t.Key = key
		}
		return nil
	}}
}

// constraintKinds are the letters of pg_constraint.contype.
var constraintKinds = map[string]string{
	"c": kindCheck, "f": kindForeignKey, "x": kindExclusion, "n": kindNotNull, "u": "unique", "p": "primary key",
}

func (in *inspector) constraints(t *planner.Table, oid int64) reading {
	return reading{what: "the constraints of " + t.Ref.String(), args: []any{oid}, query: `
		SELECT k.conname, k.contype::text, pg_get_constraintdef(k.oid),
			coalesce((SELECT string_agg(a.attname, E'\x01' ORDER BY i.n) FROM unnest(k.conkey) WITH ORDINALITY AS i(num, n)
				JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = i.num), ''),
			coalesce(obj_description(k.oid, 'pg_constraint'), '')
		FROM pg_constraint k WHERE k.conrelid = $1::int8::oid AND k.contype IN ('c', 'f', 'x', 'n', 'u', 'p')
		-- A foreign key to a partitioned table has a row of its own for each partition.
		AND NOT EXISTS (SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
		ORDER BY k.conname`, row: func(scan func(...any) error) error {
		var k planner.Constraint
		var letter, columns string
		if err := scan(&k.Name, &letter, &k.Definition, &columns, &k.Comment); err != nil {
			return err
		}
		k.Kind = constraintKinds[letter]
		if columns != "" {
			k.Columns = strings.Split(columns, "\x01")
		}
		t.Constraints = append(t.Constraints, k)
		return nil
	}}
}

// InspectIndex finds the table of an index.
func (s *session) InspectIndex(ctx context.Context, schema, name string) (planner.Ref, bool, error) {
	var table planner.Ref
	err := s.db.QueryRowContext(ctx, `
		SELECT n.nspname, c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE x.indexrelid = to_regclass($1)`, quoteRef(planner.Ref{Schema: schema, Name: name})).Scan(&table.Schema, &table.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return planner.Ref{}, false, nil
	}
	if err != nil {
		return planner.Ref{}, false, fmt.Errorf("looking for index %s: %w", name, err)
	}
	return table, true, nil
}
