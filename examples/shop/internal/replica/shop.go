package replica

import (
	"context"
	"fmt"
	"strings"
)

// Name is a customer's name in two parts. A version that knows names as one text leaves Last empty.
type Name struct{ First, Last string }

// Full is the name as one text.
func (n Name) Full() string {
	if n.Last == "" {
		return n.First
	}
	return n.First + " " + n.Last
}

// Shop is what a version of the app must be able to do. SignUp and Rename read back what they wrote, in the
// shape they wrote it in, and fail when it differs.
type Shop interface {
	SignUp(ctx context.Context, email string, name Name) (id int64, err error)
	Rename(ctx context.Context, id int64, name Name) error
	// Profile reads one customer's name.
	Profile(ctx context.Context, id int64) (Name, error)
	// Newest reads the names of the last customers to sign up, for the eyes of customer visitor.
	Newest(ctx context.Context, visitor int64, limit int) ([]Name, error)
	// Order places an order of so many cents.
	Order(ctx context.Context, customer, cents int64) error
}

// Expect compares a name read back with the one written.
func Expect(what string, got, want string) error {
	if got != want {
		return fmt.Errorf("%s reads %q, was written as %q", what, got, want)
	}
	return nil
}

// checkName rejects what no customer is called: a reader of a half-migrated shape would see such names.
func checkName(what string, name Name) error {
	if full := name.Full(); full == "" || strings.TrimSpace(full) != full {
		return fmt.Errorf("%s reads %q, which is nobody's name", what, full)
	}
	return nil
}
