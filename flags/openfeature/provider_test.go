package openfeature_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/flags/openfeature"
)

// ask resolves one boolean through the SDK, as applications do.
func ask(t *testing.T, source flags.SourceFunc, defaultValue bool, evalCtx of.EvaluationContext) (of.BooleanEvaluationDetails, error) {
	t.Helper()
	domain := t.Name()
	provider := openfeature.NewProvider(flags.NewClient(source, flags.ClientConfig{}))
	if err := of.SetNamedProviderAndWait(domain, provider); err != nil {
		t.Fatal(err)
	}
	return of.NewClient(domain).BooleanValueDetails(t.Context(), "users.split-name", defaultValue, evalCtx)
}

// always is a source with one answer.
func always(state flags.State, err error) flags.SourceFunc {
	return func(context.Context, string) (flags.State, error) { return state, err }
}

func rollout(t *testing.T, text string) flags.Rollout {
	t.Helper()
	parsed, err := flags.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestBoolean(t *testing.T) {
	t.Parallel()
	const unit = "customer-7"
	const bucket = 79 // of that customer in users.split-name
	customer := of.NewEvaluationContext(unit, nil)
	nobody := of.NewEvaluationContext("", nil)
	down := errors.New("the database is down")
	if got := flags.Bucket("users.split-name", unit); got != bucket {
		t.Fatalf("the customer is in bucket %d, and the cases below assume %d", got, bucket)
	}
	for name, test := range map[string]struct {
		state    flags.State
		err      error
		fallback bool
		who      of.EvaluationContext
		value    bool
		variant  string
		reason   of.Reason
		code     of.ErrorCode
		metadata map[string]string
	}{
		"off":             {state: flags.State{Rollout: flags.Off(), Origin: "table migrate.flags"}, fallback: true, who: customer, variant: "off", reason: of.StaticReason, metadata: map[string]string{"rollout": "off", "origin": "table migrate.flags"}},
		"full":            {state: flags.State{Rollout: flags.Full()}, who: customer, value: true, variant: "on", reason: of.StaticReason, metadata: map[string]string{"rollout": "full"}},
		"full for nobody": {state: flags.State{Rollout: flags.Full()}, who: nobody, value: true, variant: "on", reason: of.StaticReason, metadata: map[string]string{"rollout": "full"}},
		"in":              {state: flags.State{Rollout: rollout(t, "80%")}, who: customer, value: true, variant: "on", reason: of.SplitReason, metadata: map[string]string{"rollout": "80%"}},
		"out":             {state: flags.State{Rollout: rollout(t, "79%")}, fallback: true, who: customer, variant: "off", reason: of.SplitReason, metadata: map[string]string{"rollout": "79%"}},
		"held":            {state: flags.State{Rollout: flags.Full(), Held: true, Reason: "held"}, fallback: true, who: customer, variant: "off", reason: of.DisabledReason, metadata: map[string]string{"rollout": "full", "reason": "held"}},
		"partial, no key": {state: flags.State{Rollout: rollout(t, "80%")}, who: nobody, reason: of.ErrorReason, code: of.TargetingKeyMissingCode},
		"partial, no key, default true": {
			state: flags.State{Rollout: rollout(t, "80%")}, fallback: true, who: nobody, variant: "off", reason: of.ErrorReason,
			metadata: map[string]string{"rollout": "80%", "error": "TARGETING_KEY_MISSING: a rollout of 80% needs a targeting key"},
		},
		"key of another type":   {state: flags.State{Rollout: flags.Full()}, who: of.NewTargetlessEvaluationContext(map[string]any{of.TargetingKey: 7}), reason: of.ErrorReason, code: of.InvalidContextCode},
		"unknown":               {state: flags.State{Reason: "it depends"}, who: customer, reason: of.ErrorReason, code: of.GeneralCode},
		"unknown, default true": {state: flags.State{Reason: "it depends"}, fallback: true, who: customer, variant: "off", reason: of.ErrorReason, metadata: map[string]string{"rollout": "unknown", "reason": "it depends", "error": "GENERAL: it depends"}},
		"down":                  {err: down, who: customer, reason: of.ErrorReason, code: of.GeneralCode},
		"down, default true":    {err: down, fallback: true, who: customer, variant: "off", reason: of.ErrorReason, metadata: map[string]string{"rollout": "unknown", "reason": down.Error(), "error": "GENERAL: " + down.Error()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ask(t, always(test.state, test.err), test.fallback, test.who)
			if (err != nil) != (test.code != "") {
				t.Errorf("error %v, want code %q", err, test.code)
			}
			if got.Value != test.value || got.Variant != test.variant || got.Reason != test.reason || got.ErrorCode != test.code {
				t.Errorf("got %t, variant %q, reason %s, code %q; want %t, %q, %s, %q",
					got.Value, got.Variant, got.Reason, got.ErrorCode, test.value, test.variant, test.reason, test.code)
			}
			if test.metadata != nil && len(got.FlagMetadata) != len(test.metadata) {
				t.Errorf("metadata %v, want %v", got.FlagMetadata, test.metadata)
			}
			for key, want := range test.metadata {
				if value, err := got.FlagMetadata.GetString(key); err != nil || value != want {
					t.Errorf("metadata %s is %q, %v; want %q", key, value, err, want)
				}
			}
		})
	}
}

func TestUnknownCarriesItsCause(t *testing.T) {
	t.Parallel()
	down := errors.New("the database is down")
	provider := openfeature.NewProvider(flags.NewClient(always(flags.State{}, down), flags.ClientConfig{}))
	got := provider.BooleanEvaluation(t.Context(), "users.split-name", false, of.FlattenedContext{})
	if !errors.Is(got.ResolutionError, down) {
		t.Errorf("the resolution error %v hides %v", got.ResolutionError, down)
	}
}

func TestOtherTypesMismatch(t *testing.T) {
	t.Parallel()
	if err := of.SetNamedProviderAndWait(t.Name(), openfeature.NewProvider(
		flags.NewClient(always(flags.State{Rollout: flags.Full()}, nil), flags.ClientConfig{}))); err != nil {
		t.Fatal(err)
	}
	client := of.NewClient(t.Name())
	who := of.NewEvaluationContext("customer-7", nil)
	check := func(asked string, value, fallback any, detail of.ResolutionDetail, err error) {
		t.Helper()
		if err == nil || detail.ErrorCode != of.TypeMismatchCode || detail.Reason != of.ErrorReason || !strings.Contains(detail.ErrorMessage, "is boolean, not") {
			t.Errorf("%s: error %v, details %+v; want a type mismatch", asked, err, detail)
		}
		if value != fallback {
			t.Errorf("%s: got %v, want the default %v", asked, value, fallback)
		}
	}
	text, err := client.StringValueDetails(t.Context(), "f", "default", who)
	check("string", text.Value, "default", text.ResolutionDetail, err)
	number, err := client.FloatValueDetails(t.Context(), "f", 1.5, who)
	check("float", number.Value, 1.5, number.ResolutionDetail, err)
	whole, err := client.IntValueDetails(t.Context(), "f", 7, who)
	check("int", whole.Value, int64(7), whole.ResolutionDetail, err)
	object, err := client.ObjectValueDetails(t.Context(), "f", "thing", who)
	check("object", object.Value, "thing", object.ResolutionDetail, err)
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	provider := openfeature.NewProvider(flags.NewClient(always(flags.State{}, nil), flags.ClientConfig{}))
	if got := provider.Metadata().Name; got != "migrate" {
		t.Errorf("the provider calls itself %q", got)
	}
	if got := provider.Hooks(); len(got) != 0 {
		t.Errorf("the provider has hooks: %v", got)
	}
}
