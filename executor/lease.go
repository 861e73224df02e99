package executor

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"
)

// leaseTTL is how long a lease lives without a heartbeat: long enough for a
// busy server to miss one, short enough to take over from a frozen host.
const leaseTTL = 15 * time.Second

// lease says that this process is the database's one executor. Its token grows
// with every holder; a write that carries an old token fails.
type lease struct {
	st     *store
	holder string
	token  int64
	conn   *sql.Conn
	cancel context.CancelCauseFunc
	stop   chan struct{}
	beat   sync.WaitGroup
}

// acquire takes the lease, waiting for as long as wait while somebody else has
// it. The returned context ends, with ErrLeaseLost, when the lease is lost.
//
// The engine's advisory lock tells at once that a holder has died: its
// connection is gone. A holder that is merely frozen keeps that lock, so after
// the lease's own time is up it is taken over all the same; the token then
// stops the frozen one when it wakes.
func acquire(ctx context.Context, s Session, st *store, holder string, wait time.Duration, r Reporter) (*lease, context.Context, error) {
	conn, err := s.DB().Conn(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connecting for the lease: %w", err)
	}
	l := &lease{st: st, holder: holder, conn: conn, stop: make(chan struct{})}
	begun := time.Now()
	told := false
	for {
		taken, held, err := l.try(ctx, s)
		if err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
		if taken {
			break
		}
		held.Waited = time.Since(begun)
		if held.Waited >= wait {
			_ = conn.Close()
			return nil, nil, held
		}
		if !told {
			told = true
			r.Report(LeaseWait{Holder: held.Holder, Since: held.Since})
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			_ = conn.Close()
			return nil, nil, err
		}
	}
	run, cancel := context.WithCancelCause(ctx)
	l.cancel = cancel
	l.beat.Add(1)
	go l.heartbeat(run)
	return l, run, nil
}

// try makes one attempt. held describes the holder when it fails.
func (l *lease) try(ctx context.Context, s Session) (bool, *LeaseHeldError, error) {
	locked, session, err := s.TryLock(ctx, l.conn)
	if err != nil {
		return false, nil, fmt.Errorf("taking the advisory lock: %w", err)
	}
	var token int64
	var holder string
	var since time.Time
	var left float64
	err = l.st.db.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token, holder, acquired_at, -({age expires_at}) FROM {lease} WHERE id = 1`)).
		Scan(&token, &holder, &since, &left)
	if err != nil {
		return false, nil, fmt.Errorf("reading the lease: %w", err)
	}
	if !locked && left > 0 {
		if holder == "" {
			holder = session
		}
		return false, &LeaseHeldError{Holder: holder, Since: since}, nil
	}
	crashpoint("before the lease is taken")
	n, err := l.st.exec(ctx, l.st.db, fmt.Sprintf(`UPDATE {lease} SET token = token + 1, holder = ?, acquired_at = {now}, expires_at = {now+%d}
		WHERE id = 1 AND token = ?`, int(leaseTTL.Seconds())), l.holder, token)
	if err != nil {
		return false, nil, fmt.Errorf("taking the lease: %w", err)
	}
	if n != 1 {
		return false, &LeaseHeldError{Holder: "an executor that was faster", Since: time.Now()}, nil
	}
	crashpoint("after the lease was taken")
	l.token = token + 1
	return true, nil, nil
}

// heartbeat keeps the lease until it is released or lost.
func (l *lease) heartbeat(ctx context.Context) {
	defer l.beat.Done()
	tick := time.NewTicker(leaseTTL / 5)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-l.stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		beat, cancel := context.WithTimeout(ctx, leaseTTL/3)
		n, err := l.st.exec(beat, l.st.db, fmt.Sprintf(`UPDATE {lease} SET expires_at = {now+%d} WHERE id = 1 AND token = ?`, int(leaseTTL.Seconds())), l.token)
		cancel()
		switch {
		case err == nil && n == 1:
			last = time.Now()
		case err == nil:
			l.cancel(ErrLeaseLost)
			return
		case time.Since(last) > leaseTTL:
			l.cancel(ErrUnreachable)
			return
		}
	}
}

// fence makes a transaction fail unless the lease is still ours, and keeps it
// from being taken over until the transaction ends.
func (l *lease) fence(ctx context.Context, tx *sql.Tx) error {
	var token int64
	err := tx.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token FROM {lease} WHERE id = 1 AND token = ? {share}`), l.token).Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		l.cancel(ErrLeaseLost)
		return ErrLeaseLost
	}
	if err != nil {
		return fmt.Errorf("checking the lease: %w", err)
	}
	return nil
}

// release gives the lease back; the next executor need not wait. It works with
// a context of its own, since the caller's may have been cancelled.
func (l *lease) release(ctx context.Context) {
	close(l.stop)
	l.beat.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	crashpoint("before the lease is given back")
	// A failure here costs the next executor nothing: closing the connection
	// lets go of the advisory lock.
	_, _ = l.st.exec(ctx, l.st.db, `UPDATE {lease} SET holder = '', expires_at = {now} WHERE id = 1 AND token = ?`, l.token)
	crashpoint("after the lease was given back")
	_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = l.conn.Close()
	l.cancel(context.Canceled)
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
