package nearest_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/expandcontract/migrate/internal/nearest"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "flag", 4},
		{"flag", "flag", 0},
		{"flag", "flags", 1},
		{"soak", "soka", 2},
		{"kitten", "sitting", 3},
		{"grace", "dir", 5},
	} {
		if got := nearest.Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// A distance is the same both ways, nothing only between equals, and no detour
// is shorter.
func TestDistanceIsAMetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c-]{0,8}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		ab := nearest.Distance(a, b)
		if back := nearest.Distance(b, a); back != ab {
			t.Errorf("%q to %q is %d, back %d", a, b, ab, back)
		}
		if (ab == 0) != (a == b) {
			t.Errorf("%q and %q are %d apart", a, b, ab)
		}
		if via := nearest.Distance(a, c) + nearest.Distance(c, b); via < ab {
			t.Errorf("%q to %q is %d, over %q %d", a, b, ab, c, via)
		}
	})
}
