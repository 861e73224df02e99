package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limited is a quantity with its limit.
type limited struct {
	name  string
	cause Cause
	q     Quantity
	limit Limit
	show  func(float64) string
}

// quantities are those that are to be measured.
func (t Throttle) quantities() []limited {
	var autovacuum Limit
	if t.Autovacuum {
		autovacuum.Above = 0.5
	}
	all := []limited{
		{"active sessions", CauseActiveSessions, ActiveSessions, t.ActiveSessions, showCount},
		{"log rate", CauseLogRate, LogBytes, t.LogRate, func(v float64) string { return showBytes(v) + "/s" }},
		{"log kept for a replication slot", CauseSlotRetention, SlotBytes, t.SlotRetention, showBytes},
		{"dead rows", CauseDeadRows, DeadRows, t.DeadRows, func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "%" }},
		{"autovacuum", CauseAutovacuum, Autovacuum, autovacuum, nil},
		{"history list length", CauseHistoryList, HistoryLength, t.HistoryLength, showCount},
	}
	return slices.DeleteFunc(all, func(m limited) bool { return !m.limit.set() })
}

// throttleUsable refuses a throttle that the engine cannot obey: one that merely
// did nothing would be found out on the wrong day.
func (e *Executor) throttleUsable() error {
	t := e.o.Throttle
	meter, ok := e.s.(Meter)
	for _, m := range t.quantities() {
		if !ok || !meter.Measures(m.q) {
			return &UsageError{Message: "this engine has no " + m.name + " to throttle by", Instead: "leave that limit out"}
		}
	}
	if t.ReplicaLag.set() && len(t.Replicas) == 0 && (!ok || !meter.Measures(StandbyLag)) {
		return &UsageError{Message: "this engine's primary does not know how far its replicas are behind", Instead: "name the replicas to ask"}
	}
	if len(t.Replicas) > 0 && !t.ReplicaLag.set() {
		return &UsageError{Message: "there are replicas, but no limit of their lag", Instead: "set a limit such as 5s"}
	}
	return nil
}

// gauges makes what a run measures. table tells which table is walked.
func (e *Executor) gauges(p *pulse, table func() string) []*gauge {
	t := e.o.Throttle
	meter, _ := e.s.(Meter)
	const primary = "primary"
	var out []*gauge
	if t.ReplicaLag.set() {
		for _, r := range p.replicas {
			out = append(out, &gauge{name: "replica lag", cause: CauseReplicaLag, lane: "replica " + r.Name, limit: t.ReplicaLag, show: showSeconds, tolerant: t.IgnoreVanished, measure: r.lag})
		}
		if meter != nil && meter.Measures(StandbyLag) {
			s := &standbys{meter: meter, redact: e.s.Redact, ignoreVanished: t.IgnoreVanished, limit: seconds(t.ReplicaLag.Above)}
			out = append(out, &gauge{name: "replica lag", cause: CauseReplicaLag, lane: primary, limit: t.ReplicaLag, show: showSeconds, tolerant: t.IgnoreErrors, measure: s.lag})
		}
	}
	for _, m := range t.quantities() {
		measure := func(ctx context.Context) (float64, string, error) {
			value, of, err := meter.Measure(ctx, m.q, table())
			return value, of, e.s.Redact(err)
		}
		if m.q == LogBytes {
			measure = perSecond(measure, 3*max(t.every(), pendingEvery))
		}
		out = append(out, &gauge{name: m.name, cause: m.cause, lane: primary, limit: m.limit, show: m.show, tolerant: t.IgnoreErrors, measure: measure})
	}
	if t.Query != "" {
		out = append(out, &gauge{name: "query", cause: CauseQuery, lane: "query", limit: t.QueryLimit, show: showNumber, tolerant: t.IgnoreErrors, measure: e.query})
	}
	if t.URL != "" {
		h := httpGauge{url: t.URL, client: &http.Client{}}
		out = append(out, &gauge{name: h.name(), cause: CauseHTTP, lane: "http", limit: Limit{Above: 0.5}, tolerant: t.IgnoreErrors, measure: h.measure})
	}
	return out
}

// perSecond makes a rate of a counter: its growth since the last look, unless
// that was longer ago than fresh.
func perSecond(counter func(context.Context) (float64, string, error), fresh time.Duration) func(context.Context) (float64, string, error) {
	var last float64
	var at time.Time
	return func(ctx context.Context) (float64, string, error) {
		value, of, err := counter(ctx)
		if err != nil {
			return 0, of, err
		}
		now := time.Now()
		was, since := last, now.Sub(at)
		first := at.IsZero()
		last, at = value, now
		// A counter that has fallen began anew: the server was started again.
		if first || value < was || since <= 0 || since > fresh {
			return 0, of, errPending
		}
		return (value - was) / since.Seconds(), of, nil
	}
}

// query asks the user's query, in a transaction that is rolled back.
func (e *Executor) query(ctx context.Context) (value float64, of string, err error) {
	conn, err := e.st.db.Conn(ctx)
	if err != nil {
		return 0, "", e.s.Redact(err)
	}
	defer func() { _ = conn.Close() }()
	tx, err := e.s.Begin(ctx, conn, Bounds{Lock: e.o.Throttle.timeout(), Statement: e.o.Throttle.timeout()})
	if err != nil {
		return 0, "", e.s.Redact(err)
	}
	defer func() { _ = tx.Rollback() }()
	var answer any
	if err := tx.QueryRowContext(ctx, e.o.Throttle.Query).Scan(&answer); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return 0, "", errors.New("it returned no row")
		}
		return 0, "", e.s.Redact(err)
	}
	value, err = number(answer)
	return value, "", err
}

// number reads what a query may answer. What it answered is not shown where it
// is no number: it may be a user's value.
func number(answer any) (float64, error) {
	switch v := answer.(type) {
	case nil:
		return 0, errors.New("it returned NULL")
	case bool:
		if v {
			return math.Inf(1), nil
		}
		return math.Inf(-1), nil
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case float32:
		return float64(v), nil
	case []byte:
		return number(string(v))
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return f, nil
		}
	}
	return 0, errors.New("it returned neither a number nor a boolean")
}

// httpGauge asks an endpoint.
type httpGauge struct {
	url    string
	client *http.Client
}

// name shows where the question goes, without what may be a secret in the URL.
func (h httpGauge) name() string {
	u, err := url.Parse(h.url)
	if err != nil {
		return "the HTTP endpoint"
	}
	return u.Host + u.Path
}

// measure is 1 to hold and 0 to go on.
func (h httpGauge) measure(ctx context.Context) (float64, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, http.NoBody)
	if err != nil {
		return 0, "", errors.New("its URL cannot be read")
	}
	req.Header.Set("User-Agent", "migrate")
	resp, err := h.client.Do(req)
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // without the URL
	}
	if err != nil {
		return 0, "", err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4096) // so that the connection can be used again
	_ = resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return 0, "", nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return 1, fmt.Sprintf("answered %d", resp.StatusCode), nil
	}
	return 0, "", fmt.Errorf("it answered %d, not 200, 429 or 503", resp.StatusCode)
}

func showSeconds(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) + "s" }

func showCount(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

func showNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func showBytes(v float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if v < 1000 {
			return strconv.FormatFloat(v, 'f', 1, 64) + " " + unit
		}
		v /= 1000
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " TB"
}
