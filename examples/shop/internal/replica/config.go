// Package replica is the half of the shop that has no shape: it serves traffic that it generates itself,
// at a steady rate, checks what it reads back and tells what its users saw.
package replica

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// Config says what one replica does.
type Config struct {
	DatabaseURL string        // postgres://, mysql:// or mariadb://
	Slot        int           // this replica's number, from 0
	Slots       int           // how many replicas may rename customers side by side
	Customers   int64         // customers the shop was opened with, ids 1 to Customers
	Rate        float64       // requests per second
	Every       time.Duration // time between two reports
	Stdin       io.Reader     // the replica stops when it ends; nil: it only stops when told to
}

// requestTimeout is when a user has gone away: the request counts as failed.
const requestTimeout = 15 * time.Second

// ParseArgs reads a replica's command line. The database's URL may also come from SHOP_DATABASE_URL, where
// other users of the machine cannot see its password.
func ParseArgs(version string, args []string, usage io.Writer) (Config, error) {
	var c Config
	var watchStdin bool
	fs := flag.NewFlagSet("shop "+version, flag.ContinueOnError)
	fs.SetOutput(usage)
	fs.StringVar(&c.DatabaseURL, "database-url", "", "database of the shop (default: $SHOP_DATABASE_URL)")
	fs.IntVar(&c.Slot, "slot", 0, "number of this replica, from 0")
	fs.IntVar(&c.Slots, "slots", 1, "number of replicas; each renames customers of its own")
	fs.Int64Var(&c.Customers, "customers", 1000, "customers the shop was opened with")
	fs.Float64Var(&c.Rate, "rate", 50, "requests per second")
	fs.DurationVar(&c.Every, "report-every", 500*time.Millisecond, "time between two reports")
	fs.BoolVar(&watchStdin, "stop-with-stdin", false, "stop when standard input ends, as it does when the parent dies")
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = os.Getenv("SHOP_DATABASE_URL")
	}
	if watchStdin {
		c.Stdin = os.Stdin
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case c.DatabaseURL == "":
		return errors.New("no database: give --database-url or set SHOP_DATABASE_URL")
	case c.Slots < 1 || c.Slot < 0 || c.Slot >= c.Slots:
		return fmt.Errorf("slot %d is not one of %d slots", c.Slot, c.Slots)
	case c.Customers < int64(c.Slots):
		return fmt.Errorf("%d customers are too few for %d slots", c.Customers, c.Slots)
	case c.Rate <= 0 || c.Every <= 0:
		return errors.New("rate and report-every must be positive")
	}
	return nil
}
