package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/expandcontract/migrate/examples/shop"
	"github.com/expandcontract/migrate/examples/shop/database"
)

// The test binary plays the programs that the show starts: the app's replicas, which are the real ones, and a
// migrate that knows just one migration on PostgreSQL. FAKE_SABOTAGE makes it a bad one.

const (
	playMigrate = "DEMO_TEST_MIGRATE"
	sabotage    = "DEMO_TEST_SABOTAGE"
)

func TestMain(m *testing.M) {
	var err error
	switch ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM); {
	case len(os.Args) > 1 && os.Args[1] == "demo-replica":
		err = ReplicaMain(ctx, os.Args[2:])
		stop()
	case os.Getenv(playMigrate) != "" && len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test."):
		err = fakeMigrate(ctx, os.Args[1:])
		stop()
	default:
		stop()
		os.Exit(m.Run())
	}
	var blocked *blockedError
	switch {
	case errors.As(err, &blocked):
		fmt.Println(err)
		os.Exit(exitBlocked)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type blockedError struct{ gate string }

func (e *blockedError) Error() string { return "blocked by " + e.gate }

// fakeMigrate does at once what migrate does with care.
func fakeMigrate(ctx context.Context, args []string) error {
	db, err := database.Open(os.Getenv("MIGRATE_DATABASE_URL"), "migrate")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	wrong := os.Getenv(sabotage)
	switch args[0] {
	case "baseline":
		return db.Script(ctx, fakeTables)
	case "plan", "verify":
		fmt.Println(args[0], "of", args[1])
		return nil
	case "expand":
		if wrong == "hang" {
			fmt.Println("hanging")
			<-ctx.Done()
			return ctx.Err()
		}
		return fakeExpand(ctx, db, wrong)
	case "status":
		fmt.Printf(`{"format_version":"1","migrations":[{"name":%q,"state":"open","backfill":[{"rows_done":7,"rows_per_second":70}]}]}`+"\n", shop.SplitName)
		return nil
	case "flag":
		return db.Script(ctx, fmt.Sprintf("UPDATE migrate.flags SET percent = %s, full_since = CASE WHEN %[1]s = 100 THEN now() END",
			strings.TrimSuffix(args[3], "%")))
	case "contract":
		return fakeContract(ctx, db, wrong)
	default:
		return fmt.Errorf("unknown command %s", args[0])
	}
}

const fakeTables = `CREATE SCHEMA migrate;
CREATE TABLE migrate.flags (name varchar(191) PRIMARY KEY, percent smallint NOT NULL, updated_at timestamptz, full_since timestamptz);
CREATE TABLE migrate.migrations (name varchar(191) PRIMARY KEY, state varchar(32) NOT NULL, flag varchar(191) NOT NULL, resume varchar(32) NOT NULL DEFAULT '');
INSERT INTO migrate.flags VALUES ('` + shop.SplitNameFlag + `', 0, now(), NULL)`

func fakeExpand(ctx context.Context, db *database.DB, wrong string) error {
	statements := []string{"ALTER TABLE customers ADD COLUMN first_name text, ADD COLUMN last_name text, ALTER COLUMN name DROP NOT NULL"}
	if wrong != "no shadow writes" {
		statements = append(statements, fakeTrigger)
	}
	statements = append(statements,
		"UPDATE customers SET first_name = split_part(name, ' ', 1), last_name = substr(name, length(split_part(name, ' ', 1)) + 2)",
		"INSERT INTO migrate.migrations VALUES ('"+shop.SplitName+"', 'open', '"+shop.SplitNameFlag+"')")
	return runAll(ctx, db, statements)
}

const fakeTrigger = `CREATE FUNCTION migrate.shadow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.name IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.name IS DISTINCT FROM OLD.name) THEN
    NEW.first_name := split_part(NEW.name, ' ', 1);
    NEW.last_name := substr(NEW.name, length(split_part(NEW.name, ' ', 1)) + 2);
  ELSIF TG_OP = 'INSERT' OR (NEW.first_name, NEW.last_name) IS DISTINCT FROM (OLD.first_name, OLD.last_name) THEN
    NEW.name := NEW.first_name || CASE WHEN NEW.last_name = '' THEN '' ELSE ' ' || NEW.last_name END;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER shadow BEFORE INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION migrate.shadow()`

func fakeContract(ctx context.Context, db *database.DB, wrong string) error {
	// It blocks once, by no clock: the show asks too early once, then after the soak.
	refused, err := db.Exec(ctx, "UPDATE migrate.flags SET full_since = NULL WHERE full_since IS NOT NULL")
	if err != nil {
		return err
	}
	if refused > 0 && wrong != "no gate" {
		return &blockedError{gate: "soaked"}
	}
	statements := []string{
		"DROP TRIGGER IF EXISTS shadow ON customers",
		"ALTER TABLE customers ALTER COLUMN first_name SET NOT NULL, ALTER COLUMN last_name SET NOT NULL, DROP COLUMN name",
	}
	switch wrong {
	case "careless":
		statements = append(statements, "UPDATE customers SET last_name = 'X' WHERE id % 50 = 0",
			"CREATE INDEX leftover ON customers (last_name)")
	case "broken":
		statements = append(statements, "ALTER TABLE customers RENAME COLUMN first_name TO given_name")
	}
	return db.Script(ctx, strings.Join(statements, ";"))
}

func runAll(ctx context.Context, db *database.DB, statements []string) error {
	for _, statement := range statements {
		if err := db.Script(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
