package shopv2_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/expandcontract/migrate/examples/shop"
	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/examples/shop/internal/replica"
	"github.com/expandcontract/migrate/examples/shop/v1/shopv1"
	"github.com/expandcontract/migrate/examples/shop/v2/shopv2"
	"github.com/expandcontract/migrate/integration/servers"
)

// open makes a shop's database with the named migrations.
func open(t *testing.T, fresh *servers.Database, migrations ...string) *database.DB {
	t.Helper()
	db, err := database.Open(fresh.URL, "shop test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, name := range migrations {
		text, err := shop.Migration(db.Engine(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Script(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return db
}

// decided decides the same for everybody.
type decided bool

func (d decided) Enabled(context.Context, string, string) bool { return bool(d) }

var (
	ada  = replica.Name{First: "Mary Ann", Last: "O'Brien 李"}
	solo = replica.Name{First: "Plato"}
)

// visit does everything a user can do.
func visit(t *testing.T, s replica.Shop) {
	t.Helper()
	ctx := t.Context()
	id, err := s.SignUp(ctx, "ada@shop.example", solo)
	if err != nil {
		t.Fatalf("signing up: %v", err)
	}
	if err := s.Rename(ctx, id, ada); err != nil {
		t.Fatalf("renaming: %v", err)
	}
	if got, err := s.Profile(ctx, id); err != nil || got.Full() != ada.Full() {
		t.Errorf("the profile is %q, %v; should be %q", got.Full(), err, ada.Full())
	}
	names, err := s.Newest(ctx, id, 5)
	if err != nil || len(names) != 1 || names[0].Full() != ada.Full() {
		t.Errorf("the newest are %v, %v; should be %q", names, err, ada.Full())
	}
	if err := s.Order(ctx, id, 999); err != nil {
		t.Errorf("ordering: %v", err)
	}
	if err := s.Rename(ctx, id+1, ada); err == nil {
		t.Error("a customer was renamed who does not exist")
	}
	if _, err := s.Profile(ctx, id+1); err == nil {
		t.Error("a customer has a profile who does not exist")
	}
}

func TestShapes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		migrations []string
		open       func(*database.DB) replica.Shop
	}{
		"version 1, old shape": {
			[]string{shop.BaseSchema},
			func(db *database.DB) replica.Shop { return shopv1.New(db) },
		},
		"version 2, flag off, old shape": {
			[]string{shop.BaseSchema},
			func(db *database.DB) replica.Shop { return shopv2.New(db, decided(false), func() {}) },
		},
		// Nothing of migrate is there yet: the real flags must lead to the old path.
		"version 2, no flags, old shape": {
			[]string{shop.BaseSchema},
			func(db *database.DB) replica.Shop { return shopv2.New(db, shopv2.Flags(db), func() {}) },
		},
		"version 2, flag on, new shape": {
			[]string{shop.BaseSchema, shop.SplitName},
			func(db *database.DB) replica.Shop { return shopv2.New(db, decided(true), func() {}) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers.Each(t, func(t *testing.T, fresh *servers.Database) {
				visit(t, test.open(open(t, fresh, test.migrations...)))
			})
		})
	}
}

func TestNewPathIsCounted(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, fresh *servers.Database) {
		db := open(t, fresh, shop.BaseSchema, shop.SplitName)
		var count atomic.Int64
		s := shopv2.New(db, decided(true), func() { count.Add(1) })
		if _, err := s.SignUp(t.Context(), "ada@shop.example", ada); err != nil {
			t.Fatal(err)
		}
		if count.Load() != 1 {
			t.Errorf("one sign-up took %d decisions", count.Load())
		}
	})
}

// TestReadsBackTheParts lets the database move a word from one part of a name to the other.
func TestReadsBackTheParts(t *testing.T) {
	t.Parallel()
	fresh := servers.Fresh(t, servers.Postgres)
	db := open(t, fresh, shop.BaseSchema, shop.SplitName)
	const wrong = `CREATE FUNCTION resplit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  NEW.last_name := split_part(NEW.first_name, ' ', 2) || ' ' || NEW.last_name;
  NEW.first_name := split_part(NEW.first_name, ' ', 1);
  RETURN NEW;
END $$;
CREATE TRIGGER resplit BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION resplit()`
	if err := db.Script(t.Context(), wrong); err != nil {
		t.Fatal(err)
	}
	s := shopv2.New(db, decided(true), func() {})
	if _, err := s.SignUp(t.Context(), "ada@shop.example", ada); err == nil || !strings.Contains(err.Error(), `first name`) {
		t.Errorf("the error is %v, should be about the first name", err)
	}
}

// TestSplitNameLosesNothing joins the names that the migration has split.
func TestSplitNameLosesNothing(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, fresh *servers.Database) {
		db := open(t, fresh, shop.BaseSchema)
		old := shopv1.New(db)
		want := []string{"Ada Lovelace", "Plato", "Mary Ann van der Berg", "李 小龙", "O'Brien  Two Blanks"}
		var ids []int64
		for _, name := range want {
			id, err := old.SignUp(t.Context(), name+"@shop.example", replica.Name{First: name})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		text, err := shop.Migration(db.Engine(), shop.SplitName)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Script(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		fresher := shopv2.New(db, decided(true), func() {})
		for i, id := range ids {
			if got, err := fresher.Profile(t.Context(), id); err != nil || got.Full() != want[i] {
				t.Errorf("%q has become %q, %v", want[i], got.Full(), err)
			}
		}
	})
}
