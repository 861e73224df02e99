package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

// summarize prints the summary and returns what went wrong, if anything did.
func (s *show) summarize() error {
	s.screen.title("Summary")
	s.screen.print(styleDim, fmt.Sprintf("  %-10s %10s %8s %10s %10s %10s", "", "requests", "errors", "p50", "p99", "longest"))
	for _, name := range s.ledger.names() {
		s.row(name, s.ledger.of(name))
	}
	all := s.ledger.all()
	s.row("all", all)
	s.screen.print(styleNone, "")
	s.fact("longest stall", latency(all.Latency.Longest()))
	s.fact("backfilled", s.backfill.String())
	s.fact("inconsistent rows", fmt.Sprintf("%s (counted %d times, while both shapes were live)", thousands(s.inconsistent), s.counts))
	if len(s.dataProblems) == 0 {
		s.fact("data", s.dataFacts)
	} else {
		s.fact("data", strings.Join(s.dataProblems, "; "))
	}
	if len(s.schemaProblems) == 0 {
		s.fact("schema", "what the naive migration makes of it")
	} else {
		s.fact("schema", "differs from what the naive migration makes of it:")
		for _, line := range s.schemaProblems {
			s.screen.quote(line)
		}
	}
	err := s.verdict(all)
	s.screen.print(styleNone, "")
	if err != nil {
		s.screen.print(styleRed, "  Failed: "+err.Error()+".")
	} else {
		s.screen.print(styleGreen, "  0 errors, 0 inconsistent rows: the schema changed and no customer noticed.")
	}
	return err
}

func (s *show) row(name string, users measure.Report) {
	s.screen.say("%-10s %10s %8s %10s %10s %10s", name, thousands(users.Requests), thousands(users.Errors),
		latency(users.Latency.Quantile(0.5)), latency(users.Latency.Quantile(0.99)), latency(users.Latency.Longest()))
}

func (s *show) fact(name, value string) { s.screen.say("%-18s %s", name, value) }

// verdict is the error to end with: everything that must not have happened.
func (s *show) verdict(users measure.Report) error {
	var wrong []string
	if users.Errors > 0 {
		wrong = append(wrong, fmt.Sprintf("%s, the first: %s", failures(users.Errors), users.FirstError))
	}
	if s.inconsistent > 0 {
		wrong = append(wrong, fmt.Sprintf("%s inconsistent rows", thousands(s.inconsistent)))
	}
	wrong = append(wrong, s.dataProblems...)
	if len(s.schemaProblems) > 0 {
		wrong = append(wrong, "the schema is not what the naive migration makes of it")
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// writeURL puts the URL of the shop's database where only the user can read it.
func (s *show) writeURL() error {
	if err := os.WriteFile(filepath.Join(s.workDir, "database-url"), []byte(s.stage.shopURL+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the database URL: %w", err)
	}
	return nil
}

// String is for people.
func (b backfill) String() string {
	return fmt.Sprintf("%s rows, %s rows per second", thousands(b.rows), thousands(int64(b.rowsPerSecond)))
}

// thousands writes a number with commas.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, groups...), ",")
}

// failures counts errors in words.
func failures(n int64) string {
	if n == 1 {
		return "1 error"
	}
	return thousands(n) + " errors"
}

// latency writes a latency with two or three significant digits.
func latency(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d == 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.2f s", ms/1000)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
