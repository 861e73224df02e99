package flags_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/flags"
)

// partial is a rollout whose percentage the test knows to be right.
func partial(t testing.TB, percent int) flags.Rollout {
	t.Helper()
	rollout, err := flags.Partial(percent)
	if err != nil {
		t.Fatal(err)
	}
	return rollout
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in      string
		kind    flags.Kind
		percent int
		out     string
	}{
		{"off", flags.KindOff, 0, "off"},
		{"0%", flags.KindOff, 0, "off"},
		{"full", flags.KindFull, 100, "full"},
		{"100%", flags.KindFull, 100, "full"},
		{"1%", flags.KindPartial, 1, "1%"},
		{"25%", flags.KindPartial, 25, "25%"},
		{"99%", flags.KindPartial, 99, "99%"},
		{"007%", flags.KindPartial, 7, "7%"},
		{" Full\n", flags.KindFull, 100, "full"},
	} {
		got, err := flags.Parse(test.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", test.in, err)
			continue
		}
		if got.Kind() != test.kind || got.Percent() != test.percent || got.String() != test.out {
			t.Errorf("Parse(%q) = %v, kind %d, percent %d; want %s, %d, %d",
				test.in, got, got.Kind(), got.Percent(), test.out, test.kind, test.percent)
		}
		again, err := flags.Parse(got.String())
		if err != nil || again != got {
			t.Errorf("Parse(%q) = %v, %v; want what it was written from, %v", got.String(), again, err, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":           "expected off, full or a whole percentage",
		"on":         "expected off, full or a whole percentage",
		"unknown":    "expected off, full or a whole percentage",
		"%":          "expected off, full or a whole percentage",
		"2.5%":       "expected off, full or a whole percentage",
		"-5%":        "expected off, full or a whole percentage",
		"+5%":        "expected off, full or a whole percentage",
		"25 %":       "expected off, full or a whole percentage",
		"25%%":       "expected off, full or a whole percentage",
		"25":         "needs its sign, as in 25%",
		"101%":       "between 0% and 100%",
		"99999999%":  "between 0% and 100%",
		"999999999%": "between 0% and 100%",
	} {
		got, err := flags.Parse(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): error %v, want one that says %q", in, err, want)
		}
		if got != flags.Unknown() {
			t.Errorf("Parse(%q) = %v beside its error, want unknown", in, got)
		}
	}
}

func TestPartialBounds(t *testing.T) {
	t.Parallel()
	if got := partial(t, 0); got != flags.Off() {
		t.Errorf("Partial(0) = %v, want off", got)
	}
	if got := partial(t, 100); got != flags.Full() {
		t.Errorf("Partial(100) = %v, want full", got)
	}
	for _, percent := range []int{-1, 101, 256, -256, 1 << 40} {
		if got, err := flags.Partial(percent); err == nil || got != flags.Unknown() {
			t.Errorf("Partial(%d) = %v, %v; want unknown and an error", percent, got, err)
		}
	}
}

func TestZeroRolloutIsUnknown(t *testing.T) {
	t.Parallel()
	var zero flags.Rollout
	if zero != flags.Unknown() || zero.String() != "unknown" || zero.Includes("key", "unit") {
		t.Errorf("the zero rollout is %v and includes a unit: %t", zero, zero.Includes("key", "unit"))
	}
}

func TestRolloutJSON(t *testing.T) {
	t.Parallel()
	type document struct {
		Rollout flags.Rollout `json:"rollout"`
	}
	for want, rollout := range map[string]flags.Rollout{
		`{"rollout":"off"}`:     flags.Off(),
		`{"rollout":"25%"}`:     partial(t, 25),
		`{"rollout":"full"}`:    flags.Full(),
		`{"rollout":"unknown"}`: flags.Unknown(),
	} {
		got, err := json.Marshal(document{rollout})
		if err != nil || string(got) != want {
			t.Errorf("marshaling %v: %s, %v; want %s", rollout, got, err, want)
		}
		back := document{partial(t, 3)}
		if err := json.Unmarshal([]byte(want), &back); err != nil || back.Rollout != rollout {
			t.Errorf("unmarshaling %s: %v, %v; want %v", want, back.Rollout, err, rollout)
		}
	}
	for _, in := range []string{`{"rollout":"half"}`, `{"rollout":25}`} {
		if err := json.Unmarshal([]byte(in), &document{}); err == nil {
			t.Errorf("unmarshaling %s succeeded", in)
		}
	}
}

func TestEffective(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state flags.State
		want  flags.Rollout
	}{
		{flags.State{Rollout: flags.Full()}, flags.Full()},
		{flags.State{Rollout: flags.Full(), Held: true}, flags.Off()},
		{flags.State{Rollout: partial(t, 50), Held: true}, flags.Off()},
		{flags.State{Held: true}, flags.Unknown()},
	} {
		if got := test.state.Effective(); got != test.want {
			t.Errorf("Effective of %+v = %v, want %v", test.state, got, test.want)
		}
	}
}
