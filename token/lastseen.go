package token

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

const (
	// maxWaiting is how many touches wait at most; a store that is slower than that gets no more of them.
	maxWaiting = 1024
	// maxNoted is how many sessions are remembered as touched, per interval; beyond, touches are dropped.
	maxNoted = 1 << 16
	// touchTimeout bounds one touch.
	touchTimeout = 2 * time.Second
)

// lastSeen writes last-seen times: at most one touch per session and interval, by one worker, off the request's path. No
// worker runs while there is nothing to write.
type lastSeen struct {
	interval, slide time.Duration

	mu      sync.Mutex
	waiting []touch
	// noted and before hold the sessions touched in this interval and the one before it; together they know every touch
	// that is younger than an interval, and forgetting costs nothing.
	noted, before map[sessionKey]time.Time
	turned        time.Time
	worker        chan struct{} // closed when the running worker ends; nil while none runs
	closed        bool

	ctx                    context.Context // the worker's, which outlives every caller's
	cancel                 context.CancelFunc
	touched, failed, drops atomic.Int64
}

type sessionKey struct {
	subject store.Subject
	sid     string
}

type touch struct {
	to      Toucher
	request store.TouchRequest
}

func newLastSeen(interval, slide time.Duration, now time.Time) *lastSeen {
	l := &lastSeen{interval: interval, slide: slide, noted: map[sessionKey]time.Time{}, turned: now}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// note asks for a touch of a session that was found alive, if its last one is old enough. It never waits for the
// store. Ages are measured on the store's clock, and the pause between two touches on ours, where it is now. It returns when
// it is worth while to ask again; the zero time: at once.
func (l *lastSeen) note(to Toucher, subject store.Subject, a Answer, now time.Time) (again time.Time) {
	if a.Record.ID == "" || a.Now.IsZero() {
		return time.Time{}
	}
	if age := a.Now.Sub(a.Record.LastSeen); age < l.interval {
		return now.Add(min(l.interval, l.interval-age))
	}
	t := touch{to: to, request: store.TouchRequest{Subject: subject, ID: a.Record.ID}}
	if l.slide > 0 {
		t.request.ExpiresAt = a.Now.Add(l.slide)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	key := sessionKey{subject, a.Record.ID}
	if at, recent := l.recent(key, now); recent {
		return at.Add(l.interval)
	}
	if l.closed {
		return time.Time{}
	}
	if len(l.waiting) >= maxWaiting || len(l.noted) >= maxNoted {
		l.drops.Add(1)
		return time.Time{}
	}
	l.noted[key] = now
	l.waiting = append(l.waiting, t)
	if l.worker == nil {
		l.worker = make(chan struct{})
		go l.work(l.worker)
	}
	return now.Add(l.interval)
}

// turn forgets touches older than an interval.
func (l *lastSeen) turn(now time.Time) {
	if within(l.turned, now, l.interval) {
		return
	}
	l.before, l.noted, l.turned = l.noted, map[sessionKey]time.Time{}, now
}

// recent returns when a session was touched, and whether that is less than an interval ago.
func (l *lastSeen) recent(key sessionKey, now time.Time) (time.Time, bool) {
	for _, m := range [...]map[sessionKey]time.Time{l.noted, l.before} {
		if at, ok := m[key]; ok && within(at, now, l.interval) {
			return at, true
		}
	}
	return time.Time{}, false
}

// within reports whether less than d has passed; a clock that was set back counts as more.
func within(since, now time.Time, d time.Duration) bool {
	age := now.Sub(since)
	return 0 <= age && age < d
}

// work touches until nothing waits.
func (l *lastSeen) work(done chan struct{}) {
	defer close(done)
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.worker, l.waiting = nil, nil
			l.mu.Unlock()
			return
		}
		t := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		l.touch(t)
	}
}

func (l *lastSeen) touch(t touch) {
	ctx, cancel := context.WithTimeout(l.ctx, touchTimeout)
	defer cancel()
	if t.to.Touch(ctx, t.request) != nil {
		l.failed.Add(1)
		return
	}
	l.touched.Add(1)
}

// close takes no more touches, and gives those that wait the time of one.
func (l *lastSeen) close() {
	l.mu.Lock()
	l.closed = true
	worker := l.worker
	l.mu.Unlock()
	defer l.cancel()
	if worker == nil {
		return
	}
	timer := time.AfterFunc(touchTimeout, func() {
		l.mu.Lock()
		l.drops.Add(int64(len(l.waiting)))
		l.waiting = nil
		l.mu.Unlock()
		l.cancel()
	})
	defer timer.Stop()
	<-worker
}

func (l *lastSeen) stats() []store.Stat {
	return []store.Stat{
		{Name: "token_touches", Value: l.touched.Load()},
		{Name: "token_touch_errors", Value: l.failed.Load()},
		{Name: "token_touch_drops", Value: l.drops.Load()},
	}
}
