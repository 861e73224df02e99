// Package openfeature lets applications that use the OpenFeature SDK ask the
// flags of their migrations: it wraps a [flags.Client] as a provider.
//
//	client := flags.NewClient(flags.NewTable(db, flags.InSchema("migrate")), flags.ClientConfig{})
//	err := of.SetNamedProviderAndWait("migrations", openfeature.NewProvider(client))
//	paths := of.NewClient("migrations")
//	newPath, err := paths.BooleanValue(ctx, "users.split-name", false,
//		of.NewEvaluationContext(customerID, nil))
//
// Flags are boolean: true, variant "on", is the new path and false, variant
// "off", the old one. The targeting key is the unit that stays on its path.
package openfeature

import (
	"context"
	"fmt"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/expandcontract/migrate/flags"
)

// The variants of an evaluation.
const (
	VariantOn  = "on"  // the new path
	VariantOff = "off" // the old path
)

// The keys of an evaluation's flag metadata, all with strings.
const (
	MetadataRollout = "rollout" // the flag's definition: off, 25%, full, unknown
	MetadataOrigin  = "origin"  // where the definition was read
	MetadataReason  = "reason"  // why the flag is held back or unknown
	MetadataError   = "error"   // why the definition could not be read last time
)

// Provider resolves boolean flags by a [flags.Client].
//
// The reason is SPLIT while the rollout is partial, STATIC when it is off or
// full, and DISABLED while the flag is held back until its migration is open.
// A flag that is unknown, or partial without a targeting key, is an error, and
// the SDK returns the caller's default. A default of true is not returned then,
// for nothing says that the new path is open: the flag resolves to false, with
// the reason ERROR.
type Provider struct {
	client *flags.Client
}

var _ of.FeatureProvider = (*Provider)(nil)

// NewProvider makes a provider of a client. The client needs no closing, and
// neither does the provider.
func NewProvider(client *flags.Client) *Provider { return &Provider{client: client} }

// Metadata names the provider.
func (p *Provider) Metadata() of.Metadata { return of.Metadata{Name: "migrate"} }

// Hooks returns none.
func (p *Provider) Hooks() []of.Hook { return nil }

// BooleanEvaluation tells whether the targeting key takes the flag's new path.
func (p *Provider) BooleanEvaluation(ctx context.Context, flag string, defaultValue bool, flatCtx of.FlattenedContext) of.BoolResolutionDetail {
	unit, isString := flatCtx[of.TargetingKey].(string)
	if value, given := flatCtx[of.TargetingKey]; given && !isString {
		return failed(defaultValue, flags.Evaluation{}, of.NewInvalidContextResolutionError(
			fmt.Sprintf("the targeting key is a %T, not a string", value)))
	}
	evaluation := p.client.Evaluate(ctx, flag, unit)
	detail := of.BoolResolutionDetail{Value: evaluation.Enabled}
	detail.FlagMetadata = metadata(evaluation)
	detail.Variant = VariantOff
	if evaluation.Enabled {
		detail.Variant = VariantOn
	}
	switch effective := evaluation.State.Effective(); effective.Kind() {
	case flags.KindUnknown:
		return failed(defaultValue, evaluation, unknown(evaluation))
	case flags.KindPartial:
		if unit == "" {
			return failed(defaultValue, evaluation, of.NewTargetingKeyMissingResolutionError(
				"a rollout of "+effective.String()+" needs a targeting key"))
		}
		detail.Reason = of.SplitReason
	case flags.KindOff, flags.KindFull:
		detail.Reason = of.StaticReason
		if evaluation.State.Held {
			detail.Reason = of.DisabledReason
		}
	}
	return detail
}

// unknown is the error of a flag whose state is not known.
func unknown(evaluation flags.Evaluation) of.ResolutionError {
	message := evaluation.State.Reason
	if message == "" {
		message = "the rollout is unknown"
	}
	if evaluation.Err != nil {
		return of.NewGeneralResolutionError(message, evaluation.Err)
	}
	return of.NewGeneralResolutionError(message)
}

// failed is the answer where none can be given: the default, unless that would
// be the new path.
func failed(defaultValue bool, evaluation flags.Evaluation, cause of.ResolutionError) of.BoolResolutionDetail {
	detail := of.BoolResolutionDetail{}
	detail.Reason = of.ErrorReason
	detail.FlagMetadata = metadata(evaluation)
	if defaultValue {
		// With an error the SDK would return the default whatever Value says.
		detail.Variant = VariantOff
		detail.FlagMetadata[MetadataError] = cause.Error()
		return detail
	}
	detail.ResolutionError = cause
	return detail
}

// metadata tells what led to an evaluation.
func metadata(evaluation flags.Evaluation) of.FlagMetadata {
	data := of.FlagMetadata{MetadataRollout: evaluation.State.Rollout.String()}
	if evaluation.State.Origin != "" {
		data[MetadataOrigin] = evaluation.State.Origin
	}
	if evaluation.State.Reason != "" {
		data[MetadataReason] = evaluation.State.Reason
	}
	if evaluation.Err != nil {
		data[MetadataError] = evaluation.Err.Error()
	}
	return data
}

// StringEvaluation fails: the flags are boolean.
func (p *Provider) StringEvaluation(_ context.Context, flag, defaultValue string, _ of.FlattenedContext) of.StringResolutionDetail {
	return mismatch(flag, defaultValue, "a string")
}

// FloatEvaluation fails: the flags are boolean.
func (p *Provider) FloatEvaluation(_ context.Context, flag string, defaultValue float64, _ of.FlattenedContext) of.FloatResolutionDetail {
	return mismatch(flag, defaultValue, "a number")
}

// IntEvaluation fails: the flags are boolean.
func (p *Provider) IntEvaluation(_ context.Context, flag string, defaultValue int64, _ of.FlattenedContext) of.IntResolutionDetail {
	return mismatch(flag, defaultValue, "a number")
}

// ObjectEvaluation fails: the flags are boolean.
func (p *Provider) ObjectEvaluation(_ context.Context, flag string, defaultValue any, _ of.FlattenedContext) of.InterfaceResolutionDetail {
	return mismatch(flag, defaultValue, "an object")
}

// mismatch is the answer to a question for another type than boolean.
func mismatch[T any](flag string, defaultValue T, asked string) of.GenericResolutionDetail[T] {
	return of.GenericResolutionDetail[T]{
		Value: defaultValue,
		ProviderResolutionDetail: of.ProviderResolutionDetail{
			Reason:          of.ErrorReason,
			ResolutionError: of.NewTypeMismatchResolutionError(fmt.Sprintf("flag %q is boolean, not %s", flag, asked)),
		},
	}
}
