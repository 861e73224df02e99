package demo

import (
	"bytes"
	"testing"
)

func TestScreenPlain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(Options{Out: &out}, func() string { return "never shown" })
	s.title("Act %d", 1)
	s.say("%d customers.", 2)
	quoted := &lines{screen: s}
	for _, part := range []string{"one\ntw", "o\r\n", "three"} {
		if _, err := quoted.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	quoted.flush()
	quoted.flush()
	s.close()
	want := "\nAct 1\n  2 customers.\n  │ one\n  │ two\n  │ three\n"
	if out.String() != want {
		t.Errorf("the screen shows %q, should show %q", out.String(), want)
	}
}

func TestScreenLive(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	drawn := make(chan struct{}, 1)
	s := newScreen(Options{Out: &out, Live: true, Color: true}, func() string {
		select {
		case drawn <- struct{}{}:
		default:
		}
		return "traffic"
	})
	<-drawn // asked for once
	<-drawn // and again, so the first is on the screen
	s.say("news")
	s.close()
	want := clearLine + "  news\n"
	if !bytes.Contains(out.Bytes(), []byte(styleDim+"traffic"+styleReset+clearLine)) || !bytes.Contains(out.Bytes(), []byte(want)) {
		t.Errorf("the screen got %q", out.String())
	}
	if end := out.Bytes()[bytes.LastIndexByte(out.Bytes(), '\n')+1:]; len(end) > 0 && !bytes.HasSuffix(end, []byte(clearLine)) {
		t.Errorf("the gauge stays on the screen: %q", end)
	}
}
