package mysql

import (
	"fmt"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
)

// parse_table.go reads the clauses of an ALTER TABLE that are about the table as
// a whole, its indexes' names, its partitions. Each becomes a statement of its own.

func alterOf(table planner.Ref, clause string) string {
	return "ALTER TABLE " + quoteName(table.Name) + " " + clause
}

func columnDirect(table planner.Ref, column, clause string, effect planner.Effect) planner.Direct {
	return planner.Direct{
		What:   "ALTER TABLE " + table.Name + " " + clause,
		Object: planner.ObjectRef{Kind: objectColumn, On: table, Detail: column},
		Needs:  []planner.Need{{Table: table, Columns: []string{column}}}, Effect: effect, SQL: alterOf(table, clause),
	}
}

// indexDirect is about an index, which is called now as its object says.
func indexDirect(table planner.Ref, object, part, clause string, effect planner.Effect) planner.Direct {
	return planner.Direct{
		What:   "ALTER TABLE " + table.Name + " " + clause,
		Object: planner.ObjectRef{Kind: objectIndex, Ref: planner.Ref{Name: object}, On: table},
		Needs:  []planner.Need{{Table: table, Parts: []string{part}}}, Effect: effect, SQL: alterOf(table, clause),
	}
}

// tableClause reads a clause about the table as a whole; ok is false for others.
func (a alter) tableClause(s *ast.AlterTableSpec) (out []planner.Change, ok bool, err error) {
	switch s.Tp {
	case ast.AlterTableRenameTable:
		to, bad := tableRef(s.NewTable)
		if bad != "" {
			return a.opaque("RENAME TO", bad), true, nil
		}
		return one(planner.RenameTable{Table: a.table, To: to.Name}), true, nil
	case ast.AlterTableRenameIndex:
		return one(indexDirect(a.table, s.FromKey.O, s.FromKey.O,
			fmt.Sprintf("RENAME INDEX %s TO %s", quoteName(s.FromKey.O), quoteName(s.ToKey.O)), planner.Narrows)), true, nil
	case ast.AlterTableIndexInvisible:
		word, effect := "VISIBLE", planner.Widens
		if s.Visibility == ast.IndexVisibilityInvisible {
			word, effect = "INVISIBLE", planner.Narrows
		}
		return one(indexDirect(a.table, s.IndexName.O, s.IndexName.O, "ALTER INDEX "+quoteName(s.IndexName.O)+" "+word, effect)), true, nil
	case ast.AlterTableForce:
		return one(a.storage("FORCE", "FORCE")), true, nil
	case ast.AlterTableOption:
		out, err = a.options(s)
		return out, true, err
	case ast.AlterTableOrderByColumns:
		return a.opaque("ORDER BY", "InnoDB keeps rows in the order of the primary key, whatever they are sorted by once; the server would copy the table for nothing"), true, nil
	case ast.AlterTableEnableKeys, ast.AlterTableDisableKeys:
		return ignored("ALTER TABLE "+a.table.Name+" … KEYS", "opaque-statement", "InnoDB has no such thing; dumps write it for MyISAM"), true, nil
	}
	out, ok, err = a.partitionClause(s)
	return out, ok, err
}

// storage is a rebuild of the table.
func (a alter) storage(detail, clause string) planner.Direct {
	return planner.Direct{
		What:   "ALTER TABLE " + a.table.Name + " " + clause,
		Object: planner.ObjectRef{Kind: objectStorage, On: a.table, Detail: detail},
		Needs:  []planner.Need{{Table: a.table}}, Effect: planner.Widens, SQL: alterOf(a.table, clause),
	}
}

// options reads table options, each by itself.
func (a alter) options(s *ast.AlterTableSpec) ([]planner.Change, error) {
	var out []planner.Change
	var charset, collate string
	for _, o := range s.Options {
		text, err := written(o)
		if err != nil {
			return nil, err
		}
		switch o.Tp {
		case ast.TableOptionCharset:
			if o.UintValue == ast.TableOptionCharsetWithConvertTo {
				return a.convert(s), nil
			}
			charset = strings.ToLower(o.StrValue)
		case ast.TableOptionCollate:
			collate = strings.ToLower(o.StrValue)
		case ast.TableOptionEngine:
			if !strings.EqualFold(o.StrValue, "InnoDB") {
				return a.opaque("ENGINE = "+o.StrValue, "it copies the table, and no other engine can be altered online or rolled back"), nil
			}
			out = append(out, a.storage("ENGINE", "ENGINE = InnoDB"))
		case ast.TableOptionComment, ast.TableOptionRowFormat, ast.TableOptionKeyBlockSize, ast.TableOptionAutoIncrement, ast.TableOptionAvgRowLength,
			ast.TableOptionMaxRows, ast.TableOptionMinRows:
			out = append(out, a.setting(settingNames[o.Tp], text, planner.Widens))
		default:
			return a.opaque(text, ""), nil
		}
	}
	if charset != "" || collate != "" {
		out = append(out, a.setting("CHARACTER SET", charsetClause(charset, collate), planner.Narrows))
	}
	return out, nil
}

func charsetClause(charset, collate string) string {
	var parts []string
	if charset != "" {
		parts = append(parts, "DEFAULT CHARACTER SET = "+charset)
	}
	if collate != "" {
		parts = append(parts, "DEFAULT COLLATE = "+collate)
	}
	return strings.Join(parts, " ")
}

var settingNames = map[ast.TableOptionType]string{
	ast.TableOptionComment: "COMMENT", ast.TableOptionRowFormat: "ROW_FORMAT", ast.TableOptionKeyBlockSize: "KEY_BLOCK_SIZE",
	ast.TableOptionAutoIncrement: "AUTO_INCREMENT",
	ast.TableOptionAvgRowLength:  "AVG_ROW_LENGTH", ast.TableOptionMaxRows: "MAX_ROWS", ast.TableOptionMinRows: "MIN_ROWS",
}

func (a alter) setting(name, clause string, effect planner.Effect) planner.Direct {
	return planner.Direct{
		What:   "ALTER TABLE " + a.table.Name + " " + clause,
		Object: planner.ObjectRef{Kind: objectSetting, On: a.table, Detail: name},
		Needs:  []planner.Need{{Table: a.table}}, Effect: effect, SQL: alterOf(a.table, clause),
	}
}

// convert reads CONVERT TO CHARACTER SET: whether there is anything to convert
// the table tells.
func (a alter) convert(s *ast.AlterTableSpec) []planner.Change {
	var charset, collate string
	for _, o := range s.Options {
		switch o.Tp {
		case ast.TableOptionCharset:
			charset = strings.ToLower(o.StrValue)
		case ast.TableOptionCollate:
			collate = strings.ToLower(o.StrValue)
		default:
		}
	}
	clause := "CONVERT TO CHARACTER SET " + charset
	if collate != "" {
		clause += " COLLATE " + collate
	}
	return one(planner.Direct{
		What:   "ALTER TABLE " + a.table.Name + " " + clause,
		Object: planner.ObjectRef{Kind: objectSetting, On: a.table, Detail: detailConvert},
		Needs:  []planner.Need{{Table: a.table}}, Effect: planner.Narrows, SQL: alterOf(a.table, clause),
	})
}

const detailStats = "STATS"

const detailConvert = "CONVERT TO CHARACTER SET"

// partitionClause reads what is about partitions.
func (a alter) partitionClause(s *ast.AlterTableSpec) ([]planner.Change, bool, error) {
	text, err := written(s)
	if err != nil {
		return nil, false, err
	}
	direct := func(effect planner.Effect, names []string) []planner.Change {
		return one(planner.Direct{
			What:   "ALTER TABLE " + a.table.Name + " " + text,
			Object: planner.ObjectRef{Kind: objectPartition, On: a.table, Detail: strings.Join(names, ", ")},
			Needs:  []planner.Need{{Table: a.table}}, Effect: effect, SQL: alterOf(a.table, text),
		})
	}
	var names []string
	for _, n := range s.PartitionNames {
		names = append(names, n.O)
	}
	switch s.Tp {
	case ast.AlterTableAddPartitions:
		for _, def := range s.PartDefinitions {
			names = append(names, def.Name.O)
		}
		if len(names) == 0 {
			return a.opaque(text, "more partitions by hash or key move every row"), true, nil
		}
		return direct(planner.Widens, names), true, nil
	case ast.AlterTableDropPartition, ast.AlterTableTruncatePartition:
		if s.OnAllPartitions {
			return a.opaque(text, "it empties the whole table: write TRUNCATE TABLE"), true, nil
		}
		return direct(planner.Destroys, names), true, nil
	case ast.AlterTablePartition:
		return a.opaque("PARTITION BY", "partitioning a table that is there copies it, and every write waits for that: "+
			"make a partitioned table beside it, and let the app move"), true, nil
	case ast.AlterTableRemovePartitioning, ast.AlterTableCoalescePartitions, ast.AlterTableReorganizePartition,
		ast.AlterTableExchangePartition, ast.AlterTableRebuildPartition:
		return a.opaque(text, "it moves rows between partitions, and writes to them wait for that"), true, nil
	}
	return nil, false, nil
}
