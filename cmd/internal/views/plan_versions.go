package views

import (
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// moment is a stretch of a migration's life, and what versions of the app from
// before the migration (old) and after it (fresh) can do in it.
type moment struct {
	when, old, fresh string
}

// moments follow from which phases have steps.
func moments(p *plan.Plan) []moment {
	if p.Empty() {
		return nil
	}
	expand, fill := len(p.Steps(plan.Expand)) > 0, len(p.Steps(plan.Backfill)) > 0
	contract, purge := split(p.Steps(plan.Contract))
	out := []moment{{"before expand", "run", "must wait for expand"}}
	if !expand && !fill {
		out[0].fresh = "run, as long as the schema is still the old one to them"
	}
	if fill {
		out = append(out, moment{"expand, backfill", "run; no lock is waited for longer than its timeout", "must wait: rows are being filled (gate flag-off)"})
	} else if expand {
		out = append(out, moment{"expand", "run; no lock is waited for longer than its timeout", "must wait for its end"})
	}
	switch {
	case len(contract)+len(purge) == 0:
		out = append(out, moment{"after", "run", "run"})
		return out
	case expand || fill:
		out = append(out, moment{"open", openOld(p), "run; so does going back to the old version"})
	}
	out = append(out, moment{"contract", "must be gone, as the gates prove: " + strings.Join(p.Gates(plan.Contract), ", "), "run; no lock is waited for longer than its timeout"})
	if len(purge) > 0 {
		grace := "grace"
		if p.Grace > 0 {
			grace += ", " + short(p.Grace)
		}
		out = append(out, moment{grace, "fail, loudly, where they use what is gone; migrate rollback brings it back", "run"})
	}
	return append(out, moment{"after", "fail, or are rejected, where they use the old shape", "run"})
}

// openOld says what old versions read while both shapes live.
func openOld(p *plan.Plan) string {
	if len(p.Verify) == 0 {
		return "run"
	}
	switch p.Shadow {
	case plan.ShadowApp:
		return "run, and read what the app itself writes twice"
	case plan.ShadowOff:
		return "run, and must not read what new versions write alone"
	case plan.ShadowDB:
	}
	return "run, and read what new versions write (shadow writes)"
}
