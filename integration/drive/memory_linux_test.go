package drive

import "testing"

const mib = 1 << 20

// TestPeakIsTheProgramsOwn: how large the process is that runs a program does not count as the program's.
func TestPeakIsTheProgramsOwn(t *testing.T) { //nolint:paralleltest // it measures this process too
	held := make([]byte, 128*mib)
	for i := range held {
		held[i] = 1 // what nobody has written to is not resident
	}
	p := program(t, "sleep 0.1")
	if err := p.Expand(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if p.Peak <= 0 || p.Peak > 32*mib {
		t.Errorf("a shell has a peak of %d MiB, run by a process that holds %d MiB", p.Peak/mib, len(held)/mib)
	}
}

// TestPeakTellsOfGrowth: what a program takes is seen, and the largest of several runs is kept.
func TestPeakTellsOfGrowth(t *testing.T) {
	t.Parallel()
	p := program(t, `test "$1" = rollback || x=$(head -c 40000000 /dev/zero | tr '\0' x); sleep 0.1`)
	if err := p.Rollback(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	small := p.Peak
	if err := p.Expand(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if p.Peak < small+30*mib {
		t.Errorf("%d KiB after 40 MB were taken, %d KiB before", p.Peak/1024, small/1024)
	}
	large := p.Peak
	if err := p.Rollback(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if p.Peak != large {
		t.Errorf("a small run has changed the peak from %d to %d", large, p.Peak)
	}
}
