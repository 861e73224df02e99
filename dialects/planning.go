package dialects

import (
	"context"
	"fmt"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Plan makes the plan of a migration for the database of a session: it reads
// what the file mentions, plans, and asks the server whether it understands
// every expression. It never writes. Problems with the migration are
// planner.Errors.
func Plan(ctx context.Context, e Engine, s Session, f planner.File, d planner.Defaults, open []planner.OpenMigration) (*plan.Plan, error) {
	refs, err := planner.Refer(e, f)
	if err != nil {
		return nil, err
	}
	for _, ix := range refs.Indexes {
		table, ok, err := s.InspectIndex(ctx, ix.Schema, ix.Name)
		if err != nil {
			return nil, fmt.Errorf("looking for index %s: %w", ix.Name, err)
		}
		if ok {
			refs.Tables = append(refs.Tables, table)
		}
	}
	schema, err := s.Inspect(ctx, refs)
	if err != nil {
		return nil, fmt.Errorf("inspecting the database: %w", err)
	}
	p, err := planner.Plan(planner.Input{Dialect: e, Schema: schema, File: f, Defaults: d, Open: open})
	if err != nil {
		return nil, err
	}
	return p, accepted(ctx, s, p)
}

// accepted asks the server about the plan's checks.
func accepted(ctx context.Context, s Session, p *plan.Plan) error {
	var errs planner.Errors
	for _, c := range p.Checks {
		if err := s.Accepts(ctx, c); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if class := s.Classify(err); class == executor.LockTimeout || class == executor.Transient || class == executor.Disconnected {
				return fmt.Errorf("asking the server about the plan: %w", err) // that is no objection
			}
			errs = append(errs, &planner.Error{Pos: c.Pos, Message: fmt.Sprintf("%s: %v", c.Message, err)})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}
