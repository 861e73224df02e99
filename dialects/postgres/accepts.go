package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/stdlib"
	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner/plan"
)

// Accepts has the server plan a check's query, and asks of its outermost cast
// whether an assignment makes it too: UPDATE is stricter than CAST.
func (s *session) Accepts(ctx context.Context, c plan.Check) (err error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("checking an expression: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("checking an expression: %w", err)
	}
	defer func() {
		if end := tx.Rollback(); err == nil && end != nil {
			err = end
		}
	}()
	if _, err := tx.ExecContext(ctx, "EXPLAIN "+c.SQL); err != nil { // what the plan is does not matter
		return s.Redact(err)
	}
	return s.assignable(ctx, conn, tx, c.SQL)
}

// assignable refuses a cast that only an explicit CAST makes.
func (s *session) assignable(ctx context.Context, conn *sql.Conn, tx *sql.Tx, query string) error {
	inner, ok := uncast(query)
	if !ok {
		return nil
	}
	var from, to uint32
	err := conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", driver)
		}
		desc, err := c.Conn().PgConn().Prepare(ctx, "", inner, nil)
		if err == nil {
			from, to = desc.Fields[0].DataTypeOID, desc.Fields[1].DataTypeOID
		}
		return err
	})
	if err != nil {
		return s.Redact(err)
	}
	var fits bool
	var has, wants string
	err = tx.QueryRowContext(ctx, `
		WITH RECURSIVE base(side, oid) AS (
			VALUES (1, $1::int8::oid), (2, $2::int8::oid)
			UNION SELECT b.side, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
		)
		SELECT format_type($1::int8::oid, NULL), format_type($2::int8::oid, NULL), EXISTS (
			SELECT FROM base a JOIN pg_type s ON s.oid = a.oid, base b JOIN pg_type t ON t.oid = b.oid
			WHERE a.side = 1 AND b.side = 2 AND (
				s.oid = t.oid OR t.typcategory = 'S' OR s.typelem <> 0 AND t.typelem <> 0
				OR EXISTS (SELECT FROM pg_cast c WHERE c.castsource = s.oid AND c.casttarget = t.oid AND c.castcontext <> 'e')))`,
		int64(from), int64(to)).Scan(&has, &wants, &fits)
	if err != nil {
		return fmt.Errorf("checking a cast: %w", err)
	}
	if !fits {
		return fmt.Errorf("the column is of type %s but the expression is of type %s: add a cast", wants, has)
	}
	return nil
}

// uncast turns SELECT (e)::t FROM x into SELECT e, NULL::t FROM x. ok is false
// where the expression is a constant, which takes any type that can read it.
func uncast(query string) (string, bool) {
	tree, err := parseSQL(query)
	if err != nil || len(tree.Stmts) != 1 {
		return "", false
	}
	sel := tree.Stmts[0].Stmt.GetSelectStmt()
	if sel == nil || len(sel.TargetList) != 1 {
		return "", false
	}
	c := sel.TargetList[0].GetResTarget().GetVal().GetTypeCast()
	if c == nil || c.Arg.GetAConst() != nil {
		return "", false
	}
	null := &pg.Node{Node: &pg.Node_AConst{AConst: &pg.A_Const{Isnull: true}}}
	typ := &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{Arg: null, TypeName: c.TypeName}}}
	sel.TargetList = []*pg.Node{pg.MakeResTargetNodeWithVal(c.Arg, 0), pg.MakeResTargetNodeWithVal(typ, 0)}
	text, err := deparse(tree.Stmts[0].Stmt)
	return text, err == nil
}
