package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// Inspect implements dialects.Session. It reads information_schema only.
func (s *session) Inspect(ctx context.Context, refs planner.References) (*planner.Schema, error) {
	tables := refs.Tables
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("inspecting the database: %w", s.Redact(err))
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	// Reading the catalog makes nobody wait, so that it may wait itself: a busy
	// server changes tables all the time.
	if _, err := conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 10"); err != nil {
		return nil, fmt.Errorf("inspecting the database: %w", s.Redact(err))
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "SET SESSION lock_wait_timeout = 1") }()
	in := &inspector{d: &s.engine.dialect, conn: conn, answers: map[string]*answer{}}
	schema, err := in.server(ctx)
	if err != nil {
		return nil, fmt.Errorf("inspecting the server: %w", s.Redact(err))
	}
	in.exact = schema.Facts[factLowerCase] == "0"
	for _, ref := range tables {
		in.names = append(in.names, ref.Name)
	}
	for _, ref := range tables {
		t, err := in.table(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("inspecting table %s: %w", ref, s.Redact(err))
		}
		if t != nil {
			schema.Tables = append(schema.Tables, t)
		}
	}
	if err := in.objects(ctx, schema, refs.Objects); err != nil {
		return nil, s.Redact(err)
	}
	return schema, nil
}

// InspectIndex implements dialects.Session. Every DROP INDEX names its table
// here, so nobody has to ask; the first index of that name is as good as any.
func (s *session) InspectIndex(ctx context.Context, _, name string) (planner.Ref, bool, error) {
	var table string
	err := s.db.QueryRowContext(ctx, "SELECT table_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND "+
		among("index_name", []string{name})+" ORDER BY table_name LIMIT 1").Scan(&table)
	if errors.Is(err, sql.ErrNoRows) {
		return planner.Ref{}, false, nil
	}
	if err != nil {
		return planner.Ref{}, false, fmt.Errorf("looking for index %s: %w", name, s.Redact(err))
	}
	return planner.Ref{Name: table}, true, nil
}

type inspector struct {
	d     *dialect
	conn  *sql.Conn
	exact bool
	// names are those of the tables that are read, and answers what the server
	// said of all of them, by query: the time is that of a dozen round trips,
	// however many tables a migration is about.
	names   []string
	answers map[string]*answer
}

// answer is a query's rows by table, or its error.
type answer struct {
	rows map[string][][]sql.NullString
	err  error
}

// of hands every row that is about one table to do, without its first column,
// which names the table. The query has a %s for the list of tables.
func (in *inspector) of(ctx context.Context, table string, do func(row []sql.NullString), query string) error {
	a, asked := in.answer(query)
	if !asked {
		a.err = in.each(ctx, func(r []sql.NullString) {
			name := in.fold(r[0].String)
			a.rows[name] = append(a.rows[name], slices.Clone(r[1:]))
		}, fmt.Sprintf(query, quoteStrings(in.names))) // literals: parameters cost two messages more
	}
	for _, r := range a.rows[in.fold(table)] {
		do(r)
	}
	return a.err
}

// all hands every row of a query about the whole database to do; it, too, is
// asked once.
func (in *inspector) all(ctx context.Context, do func(row []sql.NullString), query string) error {
	a, asked := in.answer(query)
	if !asked {
		a.err = in.each(ctx, func(r []sql.NullString) { a.rows[""] = append(a.rows[""], slices.Clone(r)) }, query)
	}
	for _, r := range a.rows[""] {
		do(r)
	}
	return a.err
}

// answer finds a query's answer, or a place to put it.
func (in *inspector) answer(query string) (a *answer, asked bool) {
	if a, asked = in.answers[query]; asked {
		return a, true
	}
	a = &answer{rows: map[string][][]sql.NullString{}}
	in.answers[query] = a
	return a, false
}

// fold makes names equal that the server takes for equal.
func (in *inspector) fold(name string) string {
	if in.exact {
		return name
	}
	return strings.ToLower(name)
}

// each runs a query and hands every row, as nullable texts, to do.
func (in *inspector) each(ctx context.Context, do func(row []sql.NullString), query string, args ...any) error {
	rows, err := in.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	row, ptrs := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range row {
		ptrs[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return err
		}
		do(row)
	}
	return rows.Err()
}

func (in *inspector) server(ctx context.Context) (*planner.Schema, error) {
	out := &planner.Schema{Engine: in.d.Engine(), Facts: map[string]string{}}
	err := in.each(ctx, func(r []sql.NullString) {
		out.Version, out.Default = r[0].String, r[1].String
		out.VersionNum = versionNum(r[0].String)
		out.Facts[factSQLMode], out.Facts[factLowerCase], out.Facts[factTimestamp] = r[2].String, r[3].String, r[4].String
	}, "SELECT VERSION(), DATABASE(), @@GLOBAL.sql_mode, @@lower_case_table_names, @@explicit_defaults_for_timestamp")
	if err != nil {
		return nil, err
	}
	err = in.each(ctx, func(r []sql.NullString) { out.Facts[factInstantAllowed] = r[1].String },
		"SHOW GLOBAL VARIABLES LIKE 'innodb_instant_alter_column_allowed'")
	if err != nil {
		return nil, err
	}
	return out, in.rights(ctx, out)
}

// rights finds out whether the server would refuse our triggers: with a binary
// log it wants SUPER for them, unless it is told to trust their creators. What a
// role grants cannot be seen here, so a user with roles is believed.
func (in *inspector) rights(ctx context.Context, s *planner.Schema) error {
	wants := false
	err := in.each(ctx, func(r []sql.NullString) { wants = r[0].String == "1" && r[1].String == "0" },
		"SELECT @@GLOBAL.log_bin, @@GLOBAL.log_bin_trust_function_creators")
	if err != nil || !wants {
		return err
	}
	may := false
	err = in.each(ctx, func(r []sql.NullString) {
		grant := r[0].String
		may = may || strings.Contains(grant, "SUPER") || strings.HasPrefix(grant, "GRANT ALL PRIVILEGES ON *.*") || !strings.Contains(grant, " ON ")
	}, "SHOW GRANTS")
	if err == nil && !may {
		s.Facts[factNoTriggers] = "yes"
	}
	return err
}

// versionNum makes 90704 of "9.7.4-2" and 110806 of "11.8.6-MariaDB-…".
func versionNum(version string) int {
	version = strings.TrimPrefix(version, "5.5.5-") // what old MariaDB servers say first
	number, _, _ := strings.Cut(version, "-")
	out := 0
	parts := strings.SplitN(number, ".", 3)
	for i := range 3 {
		out *= 100
		if i < len(parts) {
			out += atoi(parts[i])
		}
	}
	return out
}

// atoi reads the digits that a text starts with.
func atoi(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0
	}
	return n
}

// table reads one table; nil if there is none.
func (in *inspector) table(ctx context.Context, ref planner.Ref) (*planner.Table, error) {
	if ref.Schema != "" {
		return nil, nil
	}
	t, err := in.head(ctx, ref)
	if t == nil || err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context, *planner.Table) error{
		in.columns, in.indexes, in.checks, in.foreignKeys, in.triggers, in.views, in.storage,
	} {
		if err := read(ctx, t); err != nil {
			return nil, err
		}
	}
	t.Key = bestKey(t)
	return t, nil
}

func (in *inspector) head(ctx context.Context, ref planner.Ref) (*planner.Table, error) {
	var t *planner.Table
	err := in.of(ctx, ref.Name, func(r []sql.NullString) {
		if in.exact && r[0].String != ref.Name {
			return
		}
		t = &planner.Table{
			Ref: ref, Kind: kindOf(r[1].String, r[7].String), Facts: map[string]string{},
			Rows: int64(atoi(r[3].String)), Bytes: int64(atoi(r[4].String)), // NULL for views
		}
		charset, _, _ := strings.Cut(r[5].String, "_")
		for fact, v := range map[string]string{
			factEngine: r[2].String, factCollation: r[5].String, factCharset: charset, factRowFormat: strings.ToLower(r[6].String),
		} {
			if v != "" {
				t.Facts[fact] = v
			}
		}
	}, `SELECT table_name, table_name, table_type, engine, table_rows, data_length + index_length, table_collation, row_format, create_options
		FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (%s)`)
	return t, err
}

func kindOf(tableType, options string) string {
	switch {
	case strings.Contains(strings.ToLower(options), "partitioned"):
		return "partitioned"
	case tableType == "BASE TABLE":
		return "table"
	case strings.Contains(tableType, "VIEW"):
		return "view"
	}
	return strings.ToLower(tableType)
}

func (in *inspector) columns(ctx context.Context, t *planner.Table) error {
	return in.of(ctx, t.Ref.Name, func(r []sql.NullString) {
		c := planner.Column{
			Name: r[0].String, Type: r[1].String, NotNull: r[2].String == "NO", Comment: r[6].String,
		}
		if r[5].Valid && r[5].String != t.Facts[factCollation] && parseType(c.Type).isText() {
			c.Charset, c.Collation = r[4].String, r[5].String
		}
		extra := strings.ToLower(r[7].String)
		switch {
		case strings.Contains(extra, "stored generated"), strings.Contains(extra, "persistent"):
			c.Generated = "stored"
		case strings.Contains(extra, "virtual generated"):
			c.Generated = virtual
		case strings.Contains(extra, "auto_increment"):
			c.Generated = "auto_increment"
		}
		if c.Generated == "stored" || c.Generated == virtual {
			t.Dependents = append(t.Dependents, planner.Dependent{Kind: "generated column", Name: c.Name, Columns: in.mentioned(t, r[8].String)})
		}
		c.Default = in.defaultOf(c, r[3], strings.Contains(extra, "default_generated"))
		if _, after, ok := strings.Cut(extra, "on update "); ok {
			word, _, _ := strings.Cut(after, " ")
			c.Rest = onUpdate(word)
		}
		if strings.Contains(extra, "invisible") {
			c.Rest = joinWords(c.Rest, invisible)
		}
		t.Columns = append(t.Columns, c)
	}, `SELECT table_name, column_name, column_type, is_nullable, column_default, character_set_name, collation_name, column_comment, extra,
		generation_expression FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN (%s) ORDER BY ordinal_position`)
}

// defaultOf reads a default. MariaDB shows it as SQL, "NULL" for none; MySQL
// shows the value of a literal and marks expressions, in which it escapes quotes.
func (in *inspector) defaultOf(c planner.Column, text sql.NullString, expression bool) planner.Expr {
	t := parseType(c.Type)
	switch {
	case !text.Valid, c.Generated != "":
		return planner.Expr{}
	case in.d.maria:
		if strings.EqualFold(text.String, "NULL") {
			return planner.Expr{}
		}
		return in.expression(text.String)
	case expression:
		return in.expression(unescape(text.String))
	}
	switch t.class() {
	case classInt, classDecimal, classFloat, classBit:
		return in.expression(text.String)
	case classBinary:
		if strings.HasPrefix(text.String, "0x") {
			return in.expression(text.String)
		}
	case classTemporal, classString, classEnum, classJSON, classOther:
	}
	return in.expression(quoteString(text.String))
}

// unescape takes away one level of backslashes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// expression makes an Expr of the server's own text; what the grammar does not
// know stays as it is.
func (in *inspector) expression(text string) planner.Expr {
	if e, err := in.d.parseExpr(text); err == nil {
		return e
	}
	return planner.Expr{Parts: []planner.Part{{Text: text}}, Stable: true, MaybeNull: true}
}

// mentioned lists the table's columns that a text mentions.
func (in *inspector) mentioned(t *planner.Table, text string) []string {
	names := mentions(text)
	out := []string{}
	for _, c := range t.Columns {
		if names[strings.ToLower(c.Name)] {
			out = append(out, c.Name)
		}
	}
	return out
}

// bestKey is the primary key, else a unique index over whole NOT NULL columns;
// one that can be walked is preferred.
func bestKey(t *planner.Table) []string {
	var best []string
	for _, ix := range t.Indexes {
		if !ix.Unique || strings.Contains(ix.Definition, wholeColumns) || len(ix.Columns) == 0 || !ix.Simple {
			continue
		}
		usable, walk := true, true
		for _, name := range ix.Columns {
			c := t.Column(name)
			usable = usable && c != nil && c.NotNull
			walk = walk && c != nil && keyColumn{name, parseType(c.Type)}.walkable()
		}
		switch {
		case !usable:
		case ix.Primary && walk:
			return ix.Columns
		case best == nil || walk:
			best = slices.Clone(ix.Columns)
		}
	}
	return best
}
