package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// inspect_object.go reads objects other than tables, and the settings of tables
// that a migration changes: as the SQL that brings them back.

func (in *inspector) objects(ctx context.Context, s *planner.Schema, refs []planner.ObjectRef) error {
	for _, ref := range refs {
		var o *planner.Object
		var err error
		switch ref.Kind {
		case objectView, objectTrigger, objectProcedure, objectFunction, objectEvent, objectSequence:
			o, err = in.named(ctx, ref)
		case objectSetting:
			o, err = in.setting(ctx, ref)
		}
		if err != nil {
			return fmt.Errorf("inspecting %s %s: %w", ref.Kind, ref.Ref.Name, err)
		}
		if o != nil {
			s.Objects = append(s.Objects, o)
		}
	}
	return nil
}

// named reads an object of the database; nil if there is none.
func (in *inspector) named(ctx context.Context, ref planner.ObjectRef) (*planner.Object, error) {
	name := []string{ref.Ref.Name}
	query := map[string]string{
		objectView: "SELECT '', '' FROM information_schema.views WHERE table_schema = DATABASE() AND " + among("table_name", name),
		objectTrigger: "SELECT sql_mode, event_object_table FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND " +
			among("trigger_name", name),
		objectEvent: "SELECT sql_mode, '' FROM information_schema.events WHERE event_schema = DATABASE() AND " + among("event_name", name),
		objectProcedure: "SELECT sql_mode, '' FROM information_schema.routines WHERE routine_type = 'PROCEDURE' AND routine_schema = DATABASE() AND " +
			among("routine_name", name),
		objectFunction: "SELECT sql_mode, '' FROM information_schema.routines WHERE routine_type = 'FUNCTION' AND routine_schema = DATABASE() AND " +
			among("routine_name", name),
		objectSequence: "SELECT '', '' FROM information_schema.tables WHERE table_type = 'SEQUENCE' AND table_schema = DATABASE() AND " +
			among("table_name", name),
	}[ref.Kind]
	var o *planner.Object
	err := in.each(ctx, func(r []sql.NullString) {
		o = &planner.Object{ObjectRef: ref, Facts: map[string]string{factSQLMode: r[0].String}}
		if r[1].String != "" {
			o.Tables = []planner.Ref{{Name: r[1].String}}
		}
	}, query)
	if o == nil || err != nil {
		return nil, err
	}
	// The column that holds the statement differs from kind to kind.
	at := 1
	switch ref.Kind {
	case objectTrigger, objectProcedure, objectFunction:
		at = 2
	case objectEvent:
		at = 3
	}
	err = in.each(ctx, func(r []sql.NullString) { o.Definition = r[at].String },
		"SHOW CREATE "+strings.ToUpper(ref.Kind)+" "+quoteName(ref.Ref.Name))
	if ref.Kind == objectView {
		o.Definition = strings.Replace(o.Definition, "CREATE ", "CREATE OR REPLACE ", 1)
	}
	return o, err
}

// setting reads one option of a table, as the clause that sets it.
func (in *inspector) setting(ctx context.Context, ref planner.ObjectRef) (*planner.Object, error) {
	var o *planner.Object
	err := in.each(ctx, func(r []sql.NullString) {
		clause := ""
		switch ref.Detail {
		case "COMMENT":
			clause = "COMMENT = " + quoteString(r[0].String)
		case "CHARACTER SET":
			charset, _, _ := strings.Cut(r[1].String, "_")
			clause = charsetClause(charset, r[1].String)
		case detailStats:
			var all []string
			for _, name := range []string{"STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES"} {
				all = append(all, name+" = "+option(r[2].String, name))
			}
			clause = strings.Join(all, ", ")
		default:
			clause = ref.Detail + " = " + option(r[2].String, ref.Detail)
		}
		o = &planner.Object{ObjectRef: ref, Definition: clause, Tables: []planner.Ref{ref.On}}
	}, "SELECT table_comment, table_collation, create_options FROM information_schema.tables WHERE table_schema = DATABASE() AND "+
		among("table_name", []string{ref.On.Name}))
	return o, err
}

// option finds an option among those that a table was made with; one that was
// not said is the default.
func option(options, name string) string {
	for _, word := range strings.Fields(options) {
		if key, value, ok := strings.Cut(word, "="); ok && strings.EqualFold(key, name) {
			return strings.ToUpper(value)
		}
	}
	switch name {
	case "KEY_BLOCK_SIZE", "AVG_ROW_LENGTH", "MAX_ROWS", "MIN_ROWS":
		return "0"
	}
	return "DEFAULT"
}
