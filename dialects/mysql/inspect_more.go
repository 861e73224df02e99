package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// wholeColumns marks, in a definition of ours, a key part that is a prefix.
const wholeColumns = "`("

// indexPart is a row of information_schema.statistics.
type indexPart struct {
	index, column, expression, order, prefix, comment, kind string
	unique, visible                                         bool
}

func (in *inspector) indexes(ctx context.Context, t *planner.Table) error {
	extra := "expression, is_visible = 'YES'"
	if in.d.maria {
		extra = "NULL, ignored = 'NO'"
	}
	var parts []indexPart
	err := in.of(ctx, t.Ref.Name, func(r []sql.NullString) {
		parts = append(parts, indexPart{
			index: r[0].String, unique: r[1].String == "0", column: r[2].String, order: r[3].String, prefix: r[4].String,
			comment: r[5].String, kind: r[6].String, expression: unescape(r[7].String), visible: r[8].String == "1",
		})
	}, `SELECT table_name, index_name, non_unique, column_name, collation, sub_part, index_comment, index_type, `+extra+`
		FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name IN (%s)
		ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index`)
	if err != nil {
		return err
	}
	for len(parts) > 0 {
		n := slices.IndexFunc(parts, func(p indexPart) bool { return p.index != parts[0].index })
		if n < 0 {
			n = len(parts)
		}
		t.Indexes = append(t.Indexes, in.index(t, parts[:n]))
		parts = parts[n:]
	}
	return nil
}

// index puts an index together; its definition is the CREATE INDEX statement.
func (in *inspector) index(t *planner.Table, parts []indexPart) planner.Index {
	first := parts[0]
	ix := planner.Index{Name: first.index, Unique: first.unique, Primary: first.index == "PRIMARY", Simple: first.kind == "BTREE" && first.visible}
	var cols []string
	for _, p := range parts {
		text := quoteName(p.column)
		switch {
		case p.expression != "":
			text = "(" + p.expression + ")"
			ix.Simple = false
			for _, c := range in.mentioned(t, p.expression) {
				if !slices.Contains(ix.Columns, c) {
					ix.Columns = append(ix.Columns, c)
				}
			}
		case p.column != "":
			ix.Columns = append(ix.Columns, p.column)
			if p.prefix != "" && first.kind != "SPATIAL" {
				text += "(" + p.prefix + ")"
			}
		}
		if p.order == "D" {
			text += " DESC"
		}
		cols = append(cols, text)
	}
	kind := ""
	switch {
	case first.kind == "FULLTEXT" || first.kind == "SPATIAL":
		kind = first.kind + " "
	case first.unique:
		kind = "UNIQUE "
	}
	ix.Definition = fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)", kind, quoteName(first.index), quoteName(t.Ref.Name), strings.Join(cols, ", "))
	if first.comment != "" {
		ix.Definition += " COMMENT " + quoteString(first.comment)
	}
	if !first.visible {
		ix.Definition += map[bool]string{true: " IGNORED", false: " INVISIBLE"}[in.d.maria]
	}
	return ix
}

// checks reads the check constraints. MariaDB also has them as part of a
// column's definition; there they go into Column.Rest, since MODIFY must repeat
// them, and its JSON type is text with such a check.
func (in *inspector) checks(ctx context.Context, t *planner.Table) error {
	query := `SELECT t.table_name, c.constraint_name, c.check_clause, 'Table', t.enforced FROM information_schema.table_constraints t
		JOIN information_schema.check_constraints c ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name
		WHERE t.table_schema = DATABASE() AND t.table_name IN (%s) AND t.constraint_type = 'CHECK' ORDER BY 2`
	if in.d.maria {
		query = `SELECT table_name, constraint_name, check_clause, level, 'YES' FROM information_schema.check_constraints
			WHERE constraint_schema = DATABASE() AND table_name IN (%s) ORDER BY 2`
	}
	return in.of(ctx, t.Ref.Name, func(r []sql.NullString) {
		clause := r[1].String
		if !in.d.maria {
			clause = unescape(clause)
		}
		if r[2].String == "Column" {
			c := t.Column(r[0].String)
			if c == nil {
				return
			}
			if strings.EqualFold(clause, "json_valid("+quoteName(c.Name)+")") && c.Type == "longtext" {
				c.Type, c.Charset, c.Collation = "json", "", ""
				return
			}
			c.Rest = joinWords(c.Rest, "CHECK ("+clause+")")
		}
		con := planner.Constraint{Name: r[0].String, Kind: "check", Columns: in.mentioned(t, clause), Definition: "CHECK (" + clause + ")"}
		if r[3].String == "NO" {
			con.Definition += unenforced
		}
		t.Constraints = append(t.Constraints, con)
	}, query)
}

// foreignKeys reads those of the table, and those of others that refer to it.
func (in *inspector) foreignKeys(ctx context.Context, t *planner.Table) error {
	at, refs := map[string]int{}, map[string][]string{}
	err := in.of(ctx, t.Ref.Name, func(r []sql.NullString) {
		name := r[0].String
		if _, ok := at[name]; !ok {
			at[name] = len(t.Constraints)
			t.Constraints = append(t.Constraints, planner.Constraint{
				Name: name, Kind: "foreign key",
				// Deleting a child row with its parent loses no write of ours.
				Cascades: changesRows(r[3].String) || changesRows(r[4].String) && r[4].String != "CASCADE",
			})
		}
		c := &t.Constraints[at[name]]
		c.Columns = append(c.Columns, r[1].String)
		refs[name] = append(refs[name], r[5].String)
		c.Definition = fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s (%s)%s%s", quoteNames(c.Columns), quoteName(r[2].String), quoteNames(refs[name]),
			in.action("DELETE", r[4].String), in.action("UPDATE", r[3].String))
	}, `SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, f.update_rule, f.delete_rule, k.referenced_column_name
		FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints f
		ON f.constraint_schema = k.constraint_schema AND f.constraint_name = k.constraint_name AND f.table_name = k.table_name
		WHERE k.table_schema = DATABASE() AND k.table_name IN (%s) AND k.referenced_table_name IS NOT NULL
		ORDER BY k.constraint_name, k.ordinal_position`)
	if err != nil {
		return err
	}
	deps := map[string]int{}
	return in.of(ctx, t.Ref.Name, func(r []sql.NullString) {
		name := r[0].String + " of " + r[1].String
		if _, ok := deps[name]; !ok {
			deps[name] = len(t.Dependents)
			t.Dependents = append(t.Dependents, planner.Dependent{Kind: "foreign key", Name: name})
		}
		d := &t.Dependents[deps[name]]
		d.Columns = append(d.Columns, r[2].String)
	}, `SELECT referenced_table_name, constraint_name, table_name, referenced_column_name FROM information_schema.key_column_usage
		WHERE referenced_table_schema = DATABASE() AND referenced_table_name IN (%s) ORDER BY constraint_name, table_name, ordinal_position`)
}

// action writes what a foreign key does; what a server does by itself it does
// not show, and is not written.
func (in *inspector) action(event, rule string) string {
	if !in.d.maria && rule == "NO ACTION" || in.d.maria && rule == "RESTRICT" {
		return ""
	}
	return " ON " + event + " " + rule
}

func changesRows(rule string) bool {
	return rule == "CASCADE" || rule == "SET NULL" || rule == "SET DEFAULT"
}

// triggers reads the user's triggers that mention the table; ours are known by
// the variable that they ask first.
func (in *inspector) triggers(ctx context.Context, t *planner.Table) error {
	var updates, changing []string
	err := in.all(ctx, func(r []sql.NullString) {
		own := r[1].String == t.Ref.Name
		if strings.Contains(r[2].String, bypass) || !own && !mentions(r[2].String)[strings.ToLower(t.Ref.Name)] {
			return
		}
		t.Dependents = append(t.Dependents, planner.Dependent{Kind: "trigger", Name: r[0].String, Columns: in.orNone(in.mentioned(t, r[2].String))})
		if own && r[3].String == "UPDATE" {
			updates = append(updates, r[0].String)
			if r[4].String == "BEFORE" {
				changing = append(changing, in.mentioned(t, r[2].String)...)
			}
		}
	}, `SELECT trigger_name, event_object_table, action_statement, event_manipulation, action_timing FROM information_schema.triggers
		WHERE trigger_schema = DATABASE() ORDER BY trigger_name`)
	if len(updates) > 0 {
		t.Facts[factUpdateTriggers] = strings.Join(updates, ", ")
	}
	if len(changing) > 0 {
		t.Facts[factChangingTriggers] = strings.Join(changing, listSeparator)
	}
	return err
}

// orNone keeps "mentions no column" apart from "concerns the whole table",
// which an empty list means.
func (in *inspector) orNone(columns []string) []string {
	if len(columns) == 0 {
		return []string{""}
	}
	return columns
}

// views finds the views over the table by what their definitions mention, which
// is more than they use rather than less.
func (in *inspector) views(ctx context.Context, t *planner.Table) error {
	return in.all(ctx, func(r []sql.NullString) {
		if !mentions(r[1].String)[strings.ToLower(t.Ref.Name)] || r[0].String == t.Ref.Name {
			return
		}
		t.Dependents = append(t.Dependents, planner.Dependent{Kind: "view", Name: r[0].String, Columns: in.orNone(in.mentioned(t, r[1].String))})
	}, "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY table_name")
}
