package flags_test

import (
	"strings"
	"testing"

	"github.com/expandcontract/migrate/flags"
)

func TestEnvName(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"users.split-name": "MIGRATE_FLAG_USERS_SPLIT_NAME",
		"0007_split_name":  "MIGRATE_FLAG_0007_SPLIT_NAME",
		"größe":            "MIGRATE_FLAG_GR__E",
		"A=B c":            "MIGRATE_FLAG_A_B_C",
	} {
		if got := flags.EnvName(key); got != want {
			t.Errorf("EnvName(%q) = %s, want %s", key, got, want)
		}
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	variables := map[string]string{
		"MIGRATE_FLAG_A_OFF":   "off",
		"MIGRATE_FLAG_A_FULL":  "full",
		"MIGRATE_FLAG_A_PART":  "25%",
		"MIGRATE_FLAG_A_EMPTY": " ",
		"MIGRATE_FLAG_A_BAD":   "yes",
	}
	env := flags.Env{Lookup: func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}}
	for _, test := range []struct {
		key     string
		rollout flags.Rollout
		reason  string
		err     string
	}{
		{key: "a.off", rollout: flags.Off()},
		{key: "a.full", rollout: flags.Full()},
		{key: "a.part", rollout: partial(t, 25)},
		{key: "a.empty", reason: "MIGRATE_FLAG_A_EMPTY is not set"},
		{key: "a.absent", reason: "MIGRATE_FLAG_A_ABSENT is not set"},
		{key: "a.bad", err: `reading environment variable MIGRATE_FLAG_A_BAD: reading rollout "yes"`},
	} {
		state, err := env.Rollout(t.Context(), test.key)
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: error %v, want %q", test.key, err, test.err)
		}
		if state.Rollout != test.rollout || state.Reason != test.reason {
			t.Errorf("%s: %v, reason %q; want %v, %q", test.key, state.Rollout, state.Reason, test.rollout, test.reason)
		}
		if want := "environment variable " + flags.EnvName(test.key); state.Origin != want {
			t.Errorf("%s: origin %q, want %q", test.key, state.Origin, want)
		}
		if !state.FullSince.IsZero() {
			t.Errorf("%s: full since %v, which an environment cannot know", test.key, state.FullSince)
		}
	}
}

func TestEnvReadsTheProcess(t *testing.T) {
	t.Setenv("MIGRATE_FLAG_FROM_PROCESS", "full")
	state, err := flags.Env{}.Rollout(t.Context(), "from.process")
	if err != nil || state.Rollout != flags.Full() {
		t.Errorf("got %v, %v; want full", state.Rollout, err)
	}
}
