package openfeature_test

import (
	"context"
	"fmt"

	of "github.com/open-feature/go-sdk/openfeature"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/flags/openfeature"
)

// An application that speaks OpenFeature asks for its migrations' flags like for
// any other. The source here is a function; in production it is
// flags.NewTable(db, flags.InSchema("migrate")).
func Example() {
	ctx := context.Background()
	source := flags.SourceFunc(func(context.Context, string) (flags.State, error) {
		rollout, err := flags.Partial(25)
		return flags.State{Rollout: rollout}, err
	})
	provider := openfeature.NewProvider(flags.NewClient(source, flags.ClientConfig{}))
	if err := of.SetNamedProviderAndWait("migrations", provider); err != nil {
		fmt.Println(err)
		return
	}
	paths := of.NewClient("migrations")
	for _, customer := range []string{"1", "42"} {
		newPath, err := paths.BooleanValue(ctx, "users.split-name", false, of.NewEvaluationContext(customer, nil))
		fmt.Println("customer", customer, "takes the new path:", newPath, err)
	}
	// Output:
	// customer 1 takes the new path: false <nil>
	// customer 42 takes the new path: true <nil>
}
