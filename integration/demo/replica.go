package demo

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/expandcontract/migrate/examples/shop/v1/shopv1"
	"github.com/expandcontract/migrate/examples/shop/v2/shopv2"
)

// ReplicaMain runs one replica of the shop in this process until ctx ends: version v1 or v2, which is the
// first argument, with the rest of args as the command line of that program (examples/shop/v1, examples/shop/v2). It
// lets the one migrate binary play the app, too, on machines without Go.
func ReplicaMain(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("running a replica: say v1 or v2 first")
	}
	switch version, rest := args[0], args[1:]; version {
	case "v1":
		return shopv1.Run(ctx, rest, os.Stdout, os.Stderr)
	case "v2":
		return shopv2.Run(ctx, rest, os.Stdout, os.Stderr)
	default:
		return fmt.Errorf("running a replica: there is no version %q of the shop, only v1 and v2", version)
	}
}
