package replica

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestParseArgs(t *testing.T) {
	t.Setenv("SHOP_DATABASE_URL", "postgres://from-environment/")
	got, err := ParseArgs("v1", strings.Fields("--slot 2 --slots 8 --customers 500 --rate 12.5 --report-every 1s"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{DatabaseURL: "postgres://from-environment/", Slot: 2, Slots: 8, Customers: 500, Rate: 12.5, Every: time.Second}
	if got != want {
		t.Errorf("it is %+v, should be %+v", got, want)
	}
	got, err = ParseArgs("v1", []string{"--database-url", "mysql://argument/", "--stop-with-stdin"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if got.DatabaseURL != "mysql://argument/" || got.Stdin == nil {
		t.Errorf("it is %+v", got)
	}
}

func TestParseArgsRefuses(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                                    "no database",
		"--database-url u --slot 3 --slots 3": "slot 3 is not one of 3 slots",
		"--database-url u --slot -1":          "slot -1",
		"--database-url u --slots 9 --customers 8": "8 customers are too few",
		"--database-url u --rate 0":                "positive",
		"--database-url u --report-every 0s":       "positive",
		"--speed":                                  "not defined",
	} {
		if _, err := ParseArgs("v1", strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, should contain %q", args, err, want)
		}
	}
}
