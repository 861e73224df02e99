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
	"CreateTableAsStmt": "CREATE TABLE … AS", "CreateEventTrigStmt": "CREATE EVENT TRIGGER", "AlterEventTrigStmt": "ALTER EVENT TRIGGER",
}

// statementReasons say why, and what to do instead, where there is more to say
// than "not known".
var statementReasons = map[string]string{
	"TransactionStmt":        "migrate decides itself what goes into one transaction: leave it out",
	"InsertStmt":             "it writes more than plain rows",
	"DeleteStmt":             "it deletes more than the rows of one table",
	"MergeStmt":              "what it does to a row depends on other tables: write an UPDATE of one table",
	"SelectStmt":             "nobody reads what a migration selects, and what its functions do cannot be read from it",
	"DoStmt":                 "what a block of code does cannot be read from it: write its statements out",
	"CallStmt":               "what a procedure does cannot be read from the call",
	"CopyStmt":               "its rows come from elsewhere: load them with the app or with psql, in a step of its own",
	"PrepareStmt":            "a prepared statement ends with its session",
	"ExecuteStmt":            "a prepared statement ends with its session",
	"DeallocateStmt":         "a prepared statement ends with its session",
	"DeclareCursorStmt":      "a cursor ends with its transaction",
	"FetchStmt":              "nobody reads what a migration fetches",
	"ClosePortalStmt":        "a cursor ends with its transaction",
	"NotifyStmt":             "a plan may be run again after a crash, and would tell its listeners twice",
	"ListenStmt":             "nobody listens on a migration's connection",
	"UnlistenStmt":           "nobody listens on a migration's connection",
	"LoadStmt":               "it lasts as long as its session",
	"DiscardStmt":            "the connection is migrate's",
	"ExplainStmt":            "nobody reads what a migration explains",
	"CheckPointStmt":         "it is the server's affair, not the schema's",
	"RuleStmt":               "a rule rewrites the statements of all versions, so that triggers may not see what they do: write a trigger",
	"CreateEventTrigStmt":    "an event trigger fires for every statement that changes the schema, those of migrations too: create it outside of them",
	"AlterEventTrigStmt":     "an event trigger fires for every statement that changes the schema, those of migrations too: change it outside of them",
	"AlterObjectSchemaStmt":  "running versions look for it where it is: create it anew in the other schema, let the app move, and drop the old one",
	"AlterExtensionStmt":     "an extension's update has no way back: run it outside of migrations, and try it on a copy first",
	"AlterSystemStmt":        "it changes the server, not the schema",
	"CreateRoleStmt":         "roles belong to the whole server, not to a database: create them outside of migrations",
	"AlterRoleStmt":          "roles belong to the whole server, not to a database: change them outside of migrations",
	"AlterRoleSetStmt":       "roles belong to the whole server, not to a database: change them outside of migrations",
	"DropRoleStmt":           "roles belong to the whole server, not to a database: drop them outside of migrations",
	"GrantRoleStmt":          "roles belong to the whole server, not to a database: change them outside of migrations",
	"DropOwnedStmt":          "which objects it drops cannot be read from it: drop them by name",
	"ReassignOwnedStmt":      "which objects it hands over cannot be read from it: name them",
	"CreatedbStmt":           "databases are made outside of migrations",
	"DropdbStmt":             "databases are dropped outside of migrations",
	"CreateTableSpaceStmt":   "tablespaces belong to the whole server",
	"DropTableSpaceStmt":     "tablespaces belong to the whole server",
	"CreateSubscriptionStmt": "a subscription connects to another server, which no rollback can undo",
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

// clauseWords are words of the syntax tree that people write otherwise.
var clauseWords = strings.NewReplacer("TRIG", "TRIGGER", "UN LOGGED", "UNLOGGED", "TABLE SPACE", "TABLESPACE", "ROW SECURITY", "ROW LEVEL SECURITY", "CHANGE OWNER", "OWNER TO")

// clauseName says what a clause of ALTER TABLE is: "SET STORAGE".
func clauseName(c *pg.AlterTableCmd) string {
	name := clauseWords.Replace(camelWords(strings.TrimPrefix(c.Subtype.String(), "AT_")))
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
