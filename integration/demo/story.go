package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expandcontract/migrate/examples/shop"
	"github.com/expandcontract/migrate/examples/shop/measure"
)

// Versions of the app.
const (
	oldVersion = "v1"
	newVersion = "v2"
)

// play plays the scenes in order.
func (s *show) play(ctx context.Context) error {
	scenes := []func(context.Context) error{
		s.openShop, s.startTraffic, s.planMigration, s.expand, s.rollOut, s.ramp, s.contract, s.closeShop,
	}
	for _, scene := range scenes {
		if err := s.watch(ctx, scene); err != nil {
			// What the users saw may be the reason, or the consequence.
			return errors.Join(err, s.verdict(s.ledger.all()))
		}
	}
	if err := s.summarize(); err != nil {
		return err
	}
	return s.keepRunning(ctx)
}

// watch runs a scene that ends early when a replica dies.
func (s *show) watch(ctx context.Context, scene func(context.Context) error) error {
	if s.fleet == nil {
		return scene(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case err := <-s.fleet.died:
			cancel(err)
		case <-ended:
		}
	}()
	err := scene(ctx)
	close(ended)
	<-watched
	// Why a replica died, or the user's interrupt, tells more than the command they broke.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// openShop is the scene before the traffic: a server, tables, customers, and migrate's first command.
func (s *show) openShop(ctx context.Context) (err error) {
	s.screen.title("A shop is open")
	if s.stage, err = newStage(ctx, s.opts); err != nil {
		return err
	}
	version, err := s.stage.version(ctx)
	if err != nil {
		return err
	}
	s.screen.say("%s %s %s, in database %s.", titles[s.opts.Engine], version, s.stage.place(), s.stage.names[0])
	began := time.Now()
	if err := openShop(ctx, s.stage.shop, s.opts.Customers); err != nil {
		return err
	}
	s.screen.say("%s customers, created in %s.", thousands(s.opts.Customers), seconds(time.Since(began)))
	if err := s.writeMigrations(); err != nil {
		return err
	}
	s.screen.say("The tables exist already; migrate is told so:")
	return s.migrate(ctx, exitDone, "baseline", shop.BaseSchema)
}

var titles = map[string]string{"postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}

func (s *show) startTraffic(ctx context.Context) error {
	s.ledger.begin(actStart, time.Now())
	s.fleet = newFleet(s.opts, s.stage.shopURL, s.ledger.add)
	started := make([]*replica, 0, s.opts.Replicas)
	for slot := range s.opts.Replicas {
		r, err := s.fleet.start(oldVersion, slot)
		if err != nil {
			return err
		}
		started = append(started, r)
	}
	return s.watch(ctx, func(ctx context.Context) error {
		for _, r := range started {
			if err := await(ctx, r.serving); err != nil {
				return err
			}
		}
		s.screen.say("%d replicas of the app's version 1, each a process of its own, serve %s requests per second.",
			s.opts.Replicas, thousands(int64(s.opts.Rate*float64(s.opts.Replicas))))
		s.ledger.begin(actBefore, time.Now())
		// This is what all later numbers are compared with.
		if err := s.dwell(ctx, 2*s.opts.Pace); err != nil {
			return err
		}
		return s.traffic(ctx, actBefore)
	})
}

func (s *show) planMigration(ctx context.Context) error {
	s.screen.title("Plan: split customers.name into first_name and last_name")
	text, err := shop.Migration(s.opts.Engine, shop.SplitName)
	if err != nil {
		return err
	}
	s.screen.say("migrations/%s.sql is the migration one would write if the world stood still:", shop.SplitName)
	for line := range strings.Lines(text) {
		s.screen.quote(strings.TrimRight(line, "\n"))
	}
	s.ledger.begin(actPlan, time.Now())
	return s.migrate(ctx, exitDone, "plan", shop.SplitName)
}

func (s *show) expand(ctx context.Context) error {
	s.screen.title("Expand: add the new shape, fill it, keep both equal")
	s.ledger.begin(actExpand, time.Now())
	if err := s.migrate(ctx, exitDone, "expand", shop.SplitName); err != nil {
		return err
	}
	if err := s.traffic(ctx, actExpand); err != nil {
		return err
	}
	state, done, err := s.status(ctx, shop.SplitName)
	if err != nil {
		return err
	}
	if state != "open" {
		return fmt.Errorf("after expand the migration is %s, not open", state)
	}
	s.backfill = done
	return s.countInconsistent(ctx)
}

func (s *show) rollOut(ctx context.Context) error {
	s.screen.title("Roll out: replace the replicas one by one, under traffic")
	s.ledger.begin(actRollout, time.Now())
	for i, old := range s.fleet.list() {
		fresh, err := s.fleet.start(newVersion, s.opts.Replicas+i)
		if err != nil {
			return err
		}
		if err := await(ctx, fresh.serving); err != nil {
			return err
		}
		if err := s.fleet.stop(old); err != nil {
			return err
		}
		s.screen.say("Replica %d of %d runs version 2.", i+1, s.opts.Replicas)
	}
	s.screen.say("Their customers still take the old path: the flag is off.")
	if err := s.dwell(ctx, s.opts.Pace/2); err != nil {
		return err
	}
	if err := s.traffic(ctx, actRollout); err != nil {
		return err
	}
	return s.countInconsistent(ctx)
}

func (s *show) ramp(ctx context.Context) error {
	s.screen.title("Ramp: lead the customers to the new shape")
	s.ledger.begin(actRamp, time.Now())
	for _, value := range []string{"1%", "25%", "100%"} {
		if err := s.migrate(ctx, exitDone, "flag", "set", shop.SplitNameFlag, value); err != nil {
			return err
		}
		if value == "100%" {
			break
		}
		if err := s.dwell(ctx, s.opts.Pace); err != nil {
			return err
		}
		s.screen.say("%s requests have taken the new path.", thousands(s.ledger.all().NewPath))
		if err := s.countInconsistent(ctx); err != nil {
			return err
		}
	}
	s.screen.say("Contracting now would be too early, and migrate knows:")
	if err := s.migrate(ctx, exitBlocked, "contract", shop.SplitName, "--grace", "0s"); err != nil {
		return err
	}
	// A moment longer than the soak, whose clock began with the flag's last change.
	if err := s.dwell(ctx, s.opts.soak+time.Second); err != nil {
		return err
	}
	if err := s.traffic(ctx, actRamp); err != nil {
		return err
	}
	if s.ledger.of(actRamp).NewPath == 0 {
		return errors.New("with the flag at 100 % no replica has taken the new path")
	}
	return s.countInconsistent(ctx)
}

func (s *show) contract(ctx context.Context) error {
	s.screen.title("Contract: nobody needs the old shape any more")
	s.ledger.begin(actContract, time.Now())
	if err := s.migrate(ctx, exitDone, "verify", shop.SplitName); err != nil {
		return err
	}
	// 0 s: the show has no time to keep the old column for a while. The default is 24 hours.
	if err := s.migrate(ctx, exitDone, "contract", shop.SplitName, "--grace", "0s"); err != nil {
		return err
	}
	if err := s.traffic(ctx, actContract); err != nil {
		return err
	}
	s.ledger.begin(actAfter, time.Now())
	if err := s.dwell(ctx, s.opts.Pace); err != nil {
		return err
	}
	if err := s.traffic(ctx, actAfter); err != nil {
		return err
	}
	return s.migrate(ctx, exitDone, "status")
}

// closeShop stops the traffic and does the books.
func (s *show) closeShop(ctx context.Context) error {
	s.screen.title("The books")
	if err := s.fleet.stopAll(); err != nil {
		return err
	}
	facts, err := readFacts(ctx, s.stage.shop, s.opts.Customers)
	if err != nil {
		return err
	}
	s.audit(facts, s.ledger.all())
	if err := migrateNaively(ctx, s.stage.naive); err != nil {
		return err
	}
	want, err := describeShop(ctx, s.stage.naive)
	if err != nil {
		return err
	}
	got, err := describeShop(ctx, s.stage.shop)
	if err != nil {
		return err
	}
	s.schemaProblems = difference(got, want)
	return nil
}

// audit compares what the tables hold with what the replicas did.
func (s *show) audit(found facts, did measure.Report) {
	expect := func(problem string, got, want int64) {
		if got != want {
			s.dataProblems = append(s.dataProblems, fmt.Sprintf(problem, thousands(got), thousands(want)))
		}
	}
	expect("%s customers exist, not %s", found.customers, s.opts.Customers+did.SignUps)
	expect("%s renames are in the rows, not %s", found.renames, did.Renames)
	expect("%s customers have no name, not %s", found.unnamed, 0)
	expect("%s names changed that nobody changed, not %s", found.changed, 0)
	s.dataFacts = fmt.Sprintf("%s customers + %s sign-ups, %s renames: all there", thousands(s.opts.Customers),
		thousands(did.SignUps), thousands(did.Renames))
}

// countInconsistent counts the rows whose shapes disagree, while there are two.
func (s *show) countInconsistent(ctx context.Context) error {
	n, err := countInconsistent(ctx, s.stage.shop)
	if err != nil {
		return err
	}
	s.counts++
	s.inconsistent = max(s.inconsistent, n)
	s.screen.say("Rows in which the two shapes disagree: %s.", thousands(n))
	return nil
}

// dwell lets the users shop for a while.
func (s *show) dwell(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return await(ctx, timer.C)
}

// await waits until something can be received.
func await[T any](ctx context.Context, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// traffic tells what the users saw during an act up to now.
func (s *show) traffic(ctx context.Context, name string) error {
	now := time.Now()
	var slots []int
	for _, r := range s.fleet.list() {
		slots = append(slots, r.slot)
	}
	for {
		settled, news := s.ledger.settled(now, slots)
		if settled {
			break
		}
		if err := await(ctx, news); err != nil {
			return err
		}
	}
	users := s.ledger.of(name)
	s.screen.say("Traffic (%s): %s requests, %s, p50 %s, p99 %s, longest %s.", name, thousands(users.Requests), failures(users.Errors),
		latency(users.Latency.Quantile(0.5)), latency(users.Latency.Quantile(0.99)), latency(users.Latency.Longest()))
	if users.FirstError != "" {
		s.screen.say("First error: %s", users.FirstError)
	}
	return nil
}

// gauge is the traffic of this moment in one line.
func (s *show) gauge() string {
	users, rate := s.ledger.lately()
	if users.Requests == 0 {
		return ""
	}
	versions := s.fleet.versions()
	if len(versions) == 0 {
		return ""
	}
	return fmt.Sprintf("  %s  %s  %.0f/s  p50 %s  p99 %s  longest %s  %s", s.dots(oldVersion, versions), s.dots(newVersion, versions),
		rate, latency(users.Latency.Quantile(0.5)), latency(users.Latency.Quantile(0.99)),
		latency(users.Latency.Longest()), failures(s.ledger.all().Errors))
}

// dots shows how many of the replicas run a version, as long as the line has room for it.
func (s *show) dots(version string, versions map[string]int) string {
	running := versions[version]
	if s.opts.Replicas > 6 {
		return fmt.Sprintf("%s %d", version, running)
	}
	return version + " " + strings.Repeat("●", running) + strings.Repeat("○", max(0, s.opts.Replicas-running))
}

// keepRunning leaves the user alone with the shop.
func (s *show) keepRunning(ctx context.Context) error {
	if !s.opts.Keep {
		return nil
	}
	if s.stage.server == nil {
		s.screen.say("The databases %s stay on your server.", strings.Join(s.stage.names, " and "))
		return nil
	}
	if err := s.writeURL(); err != nil {
		return err
	}
	s.screen.say("The server runs until you interrupt. Look around, for example with:")
	s.screen.say("  cd %s && migrate status --database-url-file database-url", s.workDir)
	<-ctx.Done()
	return nil
}
