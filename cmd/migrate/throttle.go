package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
)

// throttleOptions are what migrate throttle is told.
type throttleOptions struct {
	*factory
	change executor.Tuning
	off    bool
	output views.Format
}

func newThrottleCommand(f *factory, run func(context.Context, *throttleOptions) error) *cobra.Command {
	o := &throttleOptions{factory: f}
	var workers, rows int
	var target time.Duration
	cmd := &cobra.Command{
		Use:     "throttle",
		Short:   "Change the pace of backfills, from another terminal",
		GroupID: groupWatch,
		Long: `Change how fast running and future backfills and verifications go, within two
seconds. What is set wins over the settings that they were started with, until
--off takes it back. Without a flag, show what is set.`,
		Example: example(`
			migrate throttle --workers 1 --rows-per-second 5000
			migrate throttle --chunk-target 50ms
			migrate throttle
			migrate throttle --off`),
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.change, err = tuning(cmd.Flags().Changed, workers, rows, target); err != nil {
				return err
			}
			return run(cmd.Context(), o)
		},
	}
	addOutput(cmd, &o.output)
	// They are none of the settings: those are this process's, and these another's.
	cmd.Flags().IntVar(&workers, "workers", 0, "how many chunks run side by side, a `number` from 1 to 64")
	cmd.Flags().IntVar(&rows, "rows-per-second", 0, "how many rows are walked each second, a `number`; 0: as many as it can")
	cmd.Flags().DurationVar(&target, "chunk-target", 0, "how long one chunk should take")
	cmd.Flags().BoolVar(&o.off, "off", false, "take back what is set")
	for _, name := range []string{"workers", "rows-per-second", "chunk-target"} {
		cmd.Flags().Lookup(name).DefValue = ""
		cmd.MarkFlagsMutuallyExclusive("off", name)
	}
	return cmd
}

// tuning is the change that the flags ask for.
func tuning(given func(string) bool, workers, rows int, target time.Duration) (executor.Tuning, error) {
	var t executor.Tuning
	if given("workers") {
		if workers < 1 || workers > 64 {
			return t, errors.New("--workers: expected a number from 1 to 64")
		}
		t.Workers = &workers
	}
	if given("rows-per-second") {
		if rows < 0 {
			return t, errors.New("--rows-per-second: expected a number from 0")
		}
		rate := float64(rows)
		t.RowsPerSecond = &rate
	}
	if given("chunk-target") {
		ms := target.Milliseconds()
		if ms < 1 {
			return t, errors.New("--chunk-target: expected at least 1ms")
		}
		t.ChunkTargetMS = &ms
	}
	return t, nil
}

func runThrottle(ctx context.Context, o *throttleOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	ex := t.executor(runOptions{})
	switch {
	case o.off:
		err = ex.Untune(ctx)
	case o.change != executor.Tuning{}:
		err = ex.Tune(ctx, o.change)
	}
	if err != nil {
		return err
	}
	set, err := ex.Tuning(ctx)
	if err != nil {
		return err
	}
	return t.results(o.output).Throttle(set)
}

// throttle is what the configuration says of holding walks. Replicas are not
// reached yet: one that is down now may be up when it is needed.
func (f *factory) throttle(engine dialects.Engine) (executor.Throttle, error) {
	c := f.config.Throttle
	limit := func(l config.Limit) executor.Limit { return executor.Limit{Above: l.Above, Resume: l.Resume} }
	out := executor.Throttle{
		Every: c.Every, Timeout: c.Timeout, IgnoreErrors: c.OnError == config.Ignore, IgnoreVanished: c.Vanished == config.Ignore,
		ReplicaLag: limit(c.ReplicaLag), ActiveSessions: limit(c.ActiveSessions), LogRate: limit(c.LogRate),
		SlotRetention: limit(c.SlotRetention), DeadRows: limit(c.DeadRows), HistoryLength: limit(c.HistoryLength),
		Autovacuum: c.Autovacuum == config.Hold, Query: c.Query, QueryLimit: limit(c.QueryLimit), URL: c.URL,
	}
	urls, err := c.Replicas()
	if err != nil {
		return out, err
	}
	for i, u := range urls {
		other, err := f.engines.ForURL(u)
		if err != nil || other.Engine() != engine.Engine() {
			return out, fmt.Errorf("replica %d of throttle.replica_lag: its URL is not that of a %s database", i+1, engine.Engine())
		}
		out.Replicas = append(out.Replicas, executor.ReplicaSource{Name: replicaName(u, i), Open: func(ctx context.Context) (executor.Replica, error) {
			return engine.Open(ctx, u, dialects.Options{Application: "migrate", MaxConns: 1})
		}})
	}
	return out, nil
}

// replicaName is what people are shown of a replica's URL: its host and port.
func replicaName(text string, i int) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Host
	}
	return "replica " + strconv.Itoa(i+1)
}
