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

// noticed is how long a busy server may take to see that the connection of a
// holder that was killed is gone: whoever starts right after it is not refused.
const noticed = time.Second

// lease says that this process is the database's one executor. Its token grows
// with every holder; a write that carries an old token fails.
type lease struct {
	st     *store
	holder string
	token  int64
	conn   *sql.Conn // has the advisory lock, if locked
	locked bool
	cancel context.CancelCauseFunc
	stop   chan struct{}
	beat   sync.WaitGroup

	receipts receipts
}

// acquire takes the lease, waiting for as long as wait while somebody else has
// it. The returned context ends, with ErrLeaseLost, when the lease is lost.
//
// The engine's advisory lock tells at once that a holder has died: its
// connection is gone. A holder that is merely frozen keeps that lock; it is taken
// over when its heartbeat has stood still for the lease's time. That is watched
// here, by this process's monotonic clock: the server's may have been set. The
// token then stops the frozen one when it wakes.
func acquire(ctx context.Context, s Session, st *store, holder string, wait time.Duration, r Reporter) (*lease, context.Context, error) {
	conn, err := s.DB().Conn(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connecting for the lease: %w", err)
	}
	l := &lease{st: st, holder: holder, conn: conn, stop: make(chan struct{})}
	if err := l.win(ctx, s, wait, r); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	run, cancel := context.WithCancelCause(ctx)
	l.cancel = cancel
	l.beat.Add(1)
	go l.heartbeat(run, s)
	return l, run, nil
}

// win tries until the lease is ours, or has been somebody else's for too long.
func (l *lease) win(ctx context.Context, s Session, wait time.Duration, r Reporter) error {
	begun := time.Now()
	told := false
	var last sign
	still := begun // since when the holder's heartbeat has been the last one
	for {
		taken, now, held, err := l.try(ctx, s, last, time.Since(still) >= leaseTTL)
		if err != nil || taken {
			return err
		}
		if now.token != last.token || !now.expires.Equal(last.expires) {
			last, still = now, time.Now()
		}
		// A lease whose time is up by the server's clock is watched to the end.
		held.Waited = time.Since(begun)
		if held.Waited >= max(wait, noticed) && now.left > 0 {
			return held
		}
		if !told {
			told = true
			r.Report(LeaseWait{Holder: held.Holder, Since: held.Since})
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}

// sign is the sign of life that a holder has left last.
type sign struct {
	token   int64
	expires time.Time
	left    float64 // seconds, by the server's clock
}

// try makes one attempt. held describes the holder when it fails. frozen: the
// holder's heartbeat has been last for too long.
func (l *lease) try(ctx context.Context, s Session, last sign, frozen bool) (taken bool, now sign, held *LeaseHeldError, err error) {
	locked, session, err := s.TryLock(ctx, l.conn)
	if err != nil {
		return false, now, nil, fmt.Errorf("taking the advisory lock: %w", err)
	}
	var holder string
	var since time.Time
	err = l.st.db.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token, holder, acquired_at, expires_at, -({age expires_at}) FROM {lease} WHERE id = 1`)).
		Scan(&now.token, &holder, &since, &now.expires, &now.left)
	if err != nil {
		return false, now, nil, fmt.Errorf("reading the lease: %w", err)
	}
	frozen = frozen && now.token == last.token && now.expires.Equal(last.expires)
	if !locked && !frozen {
		if holder == "" {
			holder = session
		}
		return false, now, &LeaseHeldError{Holder: holder, Since: since}, nil
	}
	crashpoint("before the lease is taken")
	n, err := l.st.exec(ctx, l.st.db, fmt.Sprintf(`UPDATE {lease} SET token = token + 1, holder = ?, acquired_at = {now}, expires_at = {now+%d}
		WHERE id = 1 AND token = ?`, int(leaseTTL.Seconds())), l.holder, now.token)
	if err != nil {
		return false, now, nil, fmt.Errorf("taking the lease: %w", err)
	}
	if n != 1 {
		return false, now, &LeaseHeldError{Holder: "an executor that was faster", Since: time.Now()}, nil
	}
	crashpoint("after the lease was taken")
	l.token, l.locked = now.token+1, locked
	// Whose receipts are still there writes nothing more; a failure costs some rows.
	_, _ = l.st.exec(ctx, l.st.db, `DELETE FROM {receipts} WHERE token < ?`, l.token)
	return true, now, nil, nil
}

// heartbeat keeps the lease until it is released or lost.
func (l *lease) heartbeat(ctx context.Context, s Session) {
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
		cause := l.renew(ctx)
		switch {
		case cause == nil:
			last = time.Now()
			l.relock(ctx, s)
			continue
		case errors.Is(cause, ErrLeaseLost):
		case time.Since(last) <= leaseTTL:
			continue
		default:
			if cause = l.silence(ctx); cause == nil {
				last = time.Now()
				continue
			}
		}
		l.cancel(cause)
		return
	}
}

// relock keeps the advisory lock, without which anybody may take the lease at once: servers
// end sessions that do nothing for long, and all of them when they start again, and who has taken
// over from somebody frozen has the lock when that one is gone. What fails here is tried again
// at the next beat.
func (l *lease) relock(ctx context.Context, s Session) {
	ctx, cancel := context.WithTimeout(ctx, leaseTTL/3)
	defer cancel()
	if l.conn.PingContext(ctx) != nil {
		_ = l.conn.Close()
		conn, err := s.DB().Conn(ctx)
		if err != nil {
			return
		}
		l.conn, l.locked = conn, false
	}
	if l.locked {
		return
	}
	if locked, _, err := s.TryLock(ctx, l.conn); err == nil {
		l.locked = locked
	}
}

// renew is one heartbeat. It says that we live, and need not be safe: were it to wait
// for a slow standby, a step that asks for the lease would wait for it, and the app for
// the step.
func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaseTTL/3)
	defer cancel()
	n, err := l.st.exec(ctx, l.st.db, fmt.Sprintf(`UPDATE {lease} SET expires_at = {now+%d} WHERE id = 1 AND token = ? AND {late}`, int(leaseTTL.Seconds())), l.token)
	if err == nil && n != 1 {
		return ErrLeaseLost
	}
	return err
}

// silence says what it means that no heartbeat has got through for the lease's
// time. MySQL and MariaDB answer, and let nobody write, while they wait for space
// on a full disk; and it may be this process that stood still: nil, then.
func (l *lease) silence(ctx context.Context) error {
	asked, cancel := context.WithTimeout(ctx, leaseTTL/5)
	defer cancel()
	var token int64
	err := l.st.db.QueryRowContext(asked, l.st.l.sqlText(`SELECT token FROM {lease} WHERE id = 1`)).Scan(&token)
	switch {
	case err != nil:
		return ErrUnreachable
	case token > l.token:
		return ErrLeaseLost
	}
	if err = l.renew(ctx); err != nil && !errors.Is(err, ErrLeaseLost) {
		return errStuck
	}
	return err
}

// fence makes a transaction fail unless the lease is still ours, and unless all
// that was acknowledged is there. It keeps the lease from being taken over until
// the transaction ends.
func (l *lease) fence(ctx context.Context, tx *sql.Tx) error {
	held, args := l.held()
	var token int64
	err := tx.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token `+held+` {share}`), args...).Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		err = l.gone(ctx, tx)
	}
	return checking(err)
}

// seal is fence, and leaves a receipt, in one message: what the transaction has
// locked is locked for so long.
func (l *lease) seal(ctx context.Context, tx *sql.Tx, number int64) error {
	held, args := l.held()
	// The sum is of the token's type, which a parameter alone has not.
	n, err := l.st.exec(ctx, tx, `INSERT INTO {receipts} (token, number) SELECT token, token * 0 + ? `+held+` {share}`, append([]any{number}, args...)...)
	if err == nil && n == 0 {
		err = l.gone(ctx, tx)
	}
	return checking(err)
}

// held finds the lease, if it is ours and the last receipt acknowledged is there.
func (l *lease) held() (from string, args []any) {
	from = `FROM {lease} WHERE id = 1 AND token = ?`
	args = []any{l.token}
	if last := l.receipts.known(); last > 0 {
		from += ` AND EXISTS (SELECT 1 FROM {receipts} r WHERE r.token = ? AND r.number = ?)`
		args = append(args, l.token, last)
	}
	return from, args
}

func checking(err error) error {
	if err != nil && !errors.Is(err, ErrLeaseLost) && !errors.Is(err, ErrRewound) {
		return fmt.Errorf("checking the lease: %w", err)
	}
	return err
}

// gone tells why the lease, or the last receipt, is not there.
func (l *lease) gone(ctx context.Context, from runner) error {
	var token int64
	err := from.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token FROM {lease} WHERE id = 1`)).Scan(&token)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && token <= l.token:
		return ErrRewound
	case err != nil:
		return err
	}
	l.cancel(ErrLeaseLost)
	return ErrLeaseLost
}

// still checks, outside of any transaction, what fence checks.
func (l *lease) still(ctx context.Context) error {
	held, args := l.held()
	var token int64
	err := l.st.db.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token `+held), args...).Scan(&token)
	if errors.Is(err, sql.ErrNoRows) {
		err = l.gone(ctx, l.st.db)
	}
	return checking(err)
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
	_, _ = l.st.exec(ctx, l.st.db, `DELETE FROM {receipts} WHERE token = ?`, l.token)
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
