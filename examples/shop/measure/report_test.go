package measure_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	start := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	r := measure.NewRecorder(&out, "v2", 3, start)

	r.Done(time.Millisecond, nil)
	r.Done(time.Second, errors.New("no such column"))
	r.Done(time.Second, errors.New("another"))
	r.Renamed()
	if err := r.Flush(start.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	r.Done(2*time.Millisecond, nil)
	r.SignedUp()
	r.TookNewPath()
	if err := r.Close(start.Add(1500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}

	type line struct {
		kind, first                                  string
		from, to                                     time.Duration
		requests, errors, signUps, renames, newPaths int64
	}
	want := []line{
		{kind: "window", to: time.Second, requests: 3, errors: 2, first: "no such column", renames: 1},
		{kind: "window", from: time.Second, to: 1500 * time.Millisecond, requests: 1, signUps: 1, newPaths: 1},
		{kind: "total", to: 1500 * time.Millisecond, requests: 4, errors: 2, first: "no such column", renames: 1, signUps: 1, newPaths: 1},
	}
	lines := bufio.NewScanner(&out)
	for i := 0; lines.Scan(); i++ {
		var r measure.Report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Version != "v2" || r.Slot != 3 || r.Latency.Count() != r.Requests {
			t.Errorf("line %d is not complete: %s", i, lines.Text())
		}
		got := line{r.Kind, r.FirstError, r.From.Sub(start), r.To.Sub(start), r.Requests, r.Errors, r.SignUps, r.Renames, r.NewPath}
		if i >= len(want) || got != want[i] {
			t.Errorf("line %d is %+v", i, got)
		}
		if i == len(want)-1 {
			want = nil
		}
	}
	if want != nil {
		t.Errorf("the last line is missing; all: %s", out.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRecorderTellsWhenNobodyListens(t *testing.T) {
	t.Parallel()
	r := measure.NewRecorder(brokenPipe{}, "v1", 0, time.Now())
	if err := r.Flush(time.Now()); err == nil {
		t.Error("a report that could not be written is not an error")
	}
}
