package postgres

import (
	"strings"
	"unicode"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// statementNames name the statements whose syntax nodes are called otherwise
// than people call them.
var statementNames = map[string]string{
	"ViewStmt": "CREATE VIEW", "CreateSeqStmt": "CREATE SEQUENCE", "AlterSeqStmt": "ALTER SEQUENCE",
	"CreateEnumStmt": "CREATE TYPE … AS ENUM", "AlterEnumStmt": "ALTER TYPE … ADD VALUE",
	"CompositeTypeStmt": "CREATE TYPE", "CreateRangeStmt": "CREATE TYPE … AS RANGE",
	"CreateTrigStmt": "CREATE TRIGGER", "CreatePlangStmt": "CREATE LANGUAGE", "RuleStmt": "CREATE RULE",
	"CreateTableSpaceStmt": "CREATE TABLESPACE", "VariableSetStmt": "SET", "VariableShowStmt": "SHOW",
	"CreateStatsStmt": "CREATE STATISTICS", "CreatedbStmt": "CREATE DATABASE", "DropdbStmt": "DROP DATABASE",
	"AlterObjectSchemaStmt": "ALTER … SET SCHEMA", "AlterOwnerStmt": "ALTER … OWNER TO", "GrantRoleStmt": "GRANT",
	"CreatePublicationStmt": "CREATE PUBLICATION", "CreateSubscriptionStmt": "CREATE SUBSCRIPTION",
	"RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW", "SecLabelStmt": "SECURITY LABEL",
	"CreateTableAsStmt": "CREATE TABLE … AS",
}

// statementReasons say why, where there is more to say than "not known".
var statementReasons = map[string]string{
	"TransactionStmt": "migrate decides itself what goes into one transaction: leave it out",
	"VariableSetStmt": "settings belong to the connection, not to a migration",
	"InsertStmt":      "writing seed rows is not handled yet",
	"DeleteStmt":      "deleting rows is not handled yet",
	"SelectStmt":      "nobody reads what a migration selects",
	"DoStmt":          "what a block of code does cannot be read from it",
	"TruncateStmt":    "it deletes all rows at once, and old versions may still need them",
}

func nodeKind(n *pg.Node) string {
	m := nodeOf(n)
	if m == nil {
		return ""
	}
	return string(m.ProtoReflect().Descriptor().Name())
}

// statementName says in a few words what a statement is.
func statementName(n *pg.Node) string {
	switch x := nodeOf(n).(type) {
	case *pg.TransactionStmt:
		return spaced(strings.TrimPrefix(x.Kind.String(), "TRANS_STMT_"), "_")
	case *pg.GrantStmt:
		if !x.IsGrant {
			return "REVOKE"
		}
		return "GRANT"
	case *pg.CommentStmt:
		return "COMMENT ON " + objectName(x.Objtype)
	case *pg.DefineStmt:
		return "CREATE " + objectName(x.Kind)
	case *pg.CreateFunctionStmt:
		if x.IsProcedure {
			return "CREATE PROCEDURE"
		}
		return "CREATE FUNCTION"
	case *pg.CreateTableAsStmt:
		if x.Objtype == pg.ObjectType_OBJECT_MATVIEW {
			return "CREATE MATERIALIZED VIEW"
		}
	case *pg.InsertStmt:
		return "INSERT INTO " + refOf(x.Relation).String()
	case *pg.DeleteStmt:
		return "DELETE FROM " + refOf(x.Relation).String()
	case *pg.ViewStmt:
		return "CREATE VIEW " + refOf(x.View).String()
	case *pg.CreateTrigStmt:
		return "CREATE TRIGGER " + x.Trigname
	}
	kind := nodeKind(n)
	if s, ok := statementNames[kind]; ok {
		return s
	}
	return camelWords(strings.TrimSuffix(kind, "Stmt"))
}

func statementReason(n *pg.Node) string {
	if x := n.GetCreateTableAsStmt(); x != nil && x.Objtype == pg.ObjectType_OBJECT_TABLE {
		return "it creates and fills a table at once: create the table, then fill it"
	}
	return statementReasons[nodeKind(n)]
}

// clauseName says what a clause of ALTER TABLE is: "SET STORAGE".
func clauseName(c *pg.AlterTableCmd) string {
	name := camelWords(strings.TrimPrefix(c.Subtype.String(), "AT_"))
	if c.Name != "" {
		name += " " + c.Name
	}
	return name
}

// objectName names a kind of object: "MATERIALIZED VIEW".
func objectName(t pg.ObjectType) string {
	switch t {
	case pg.ObjectType_OBJECT_MATVIEW:
		return "MATERIALIZED VIEW"
	case pg.ObjectType_OBJECT_TABCONSTRAINT:
		return "CONSTRAINT"
	case pg.ObjectType_OBJECT_STATISTIC_EXT:
		return "STATISTICS"
	case pg.ObjectType_OBJECT_TSCONFIGURATION:
		return "TEXT SEARCH CONFIGURATION"
	case pg.ObjectType_OBJECT_TSDICTIONARY:
		return "TEXT SEARCH DICTIONARY"
	default:
		return spaced(strings.TrimPrefix(t.String(), "OBJECT_"), "_")
	}
}

// constraintName names a kind of constraint.
func constraintName(k *pg.Constraint) string {
	switch k.GetContype() {
	case pg.ConstrType_CONSTR_FOREIGN:
		return "FOREIGN KEY"
	case pg.ConstrType_CONSTR_PRIMARY:
		return "PRIMARY KEY"
	case pg.ConstrType_CONSTR_UNIQUE:
		return "UNIQUE"
	case pg.ConstrType_CONSTR_EXCLUSION:
		return "EXCLUDE"
	case pg.ConstrType_CONSTR_IDENTITY:
		return "GENERATED AS IDENTITY"
	case pg.ConstrType_CONSTR_GENERATED:
		return "GENERATED ALWAYS AS"
	case pg.ConstrType_CONSTR_NOTNULL:
		return "NOT NULL"
	default:
		return spaced(strings.TrimPrefix(k.GetContype().String(), "CONSTR_"), "_")
	}
}

func constraintReason(k *pg.Constraint) string {
	switch k.GetContype() {
	case pg.ConstrType_CONSTR_UNIQUE:
		return "unique constraints are not handled yet; CREATE UNIQUE INDEX is"
	case pg.ConstrType_CONSTR_FOREIGN:
		return "foreign keys are not handled yet"
	case pg.ConstrType_CONSTR_PRIMARY:
		return "primary keys are not handled yet"
	case pg.ConstrType_CONSTR_IDENTITY, pg.ConstrType_CONSTR_GENERATED:
		return "generated columns rewrite the table and are not handled yet"
	default:
		return ""
	}
}

func spaced(s, sep string) string { return strings.ReplaceAll(s, sep, " ") }

// camelWords writes "AddIdentity" as "ADD IDENTITY".
func camelWords(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
