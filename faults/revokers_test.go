//go:build unix

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// life is what is true of a token, by the machine's clock.
type life struct {
	n       uint32
	subject store.Subject
	jwt     string
	refresh string
	sid     string
	probe   bool
	added   time.Duration
	called  time.Duration // when its revocation was first asked for; zero for never
	acked   time.Duration // when that was acknowledged; zero for never
}

// office is an authorization server: who logs users in and revokes, and its book of what was acknowledged. It has its own
// way to the servers, which nobody breaks.
type office struct {
	t       testing.TB
	store   store.TokenStore
	issuer  *token.Issuer
	revoker *token.Revoker
	own     *token.Verifier // behind the same cache; nil without one
	tell    func(order)
	book    *book

	ownLate int // accepted by own after the acknowledgement
}

// book is every token that ever was.
type book struct {
	mu    sync.Mutex
	lives []*life // by number, from 1 on
	kinds map[string]int
	fails map[string]int
}

func newBook() *book {
	return &book{lives: []*life{nil}, kinds: map[string]int{}, fails: map[string]int{}}
}

// user logs a new user in a few times and tells all processes. It returns fewer tokens where the store is out of order.
func (o *office) user(sessions int, probe bool) []*life {
	subject := store.User(store.NewID())
	var all []*life
	var tell order
	for range sessions {
		ctx, cancel := context.WithTimeout(o.t.Context(), 2*time.Second)
		pair, err := o.issuer.Login(ctx, subject, token.LoginOptions{Class: "web"})
		cancel()
		if err != nil {
			o.book.fail("login", err)
			break
		}
		l := &life{
			subject: subject, jwt: pair.Access.Reveal(), refresh: pair.Refresh.Reveal(), sid: pair.Session.ID,
			probe: probe, added: clock(),
		}
		o.book.mu.Lock()
		l.n = uint32(len(o.book.lives)) //nolint:gosec // far fewer
		o.book.lives = append(o.book.lives, l)
		o.book.mu.Unlock()
		all = append(all, l)
		tell.Add = append(tell.Add, parcel{N: l.n, JWT: l.jwt})
	}
	o.tell(tell)
	return all
}

func (b *book) fail(what string, err error) {
	var e *store.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails[what+": "+fmt.Sprintf("%.60s", err)]++
}

// until repeats a revocation until it is acknowledged, and writes down when. It gives up at the end of the soak.
func (o *office) until(ctx context.Context, kind string, dead []*life, call func(context.Context) error) bool {
	o.mark(dead, clock(), 0)
	for {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := call(try)
		acked := clock()
		cancel()
		if err == nil {
			o.mark(dead, 0, acked)
			o.book.mu.Lock()
			o.book.kinds[kind]++
			o.book.mu.Unlock()
			o.look(dead)
			return true
		}
		o.book.fail(kind, err)
		if ctx.Err() != nil {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (o *office) mark(dead []*life, called, acked time.Duration) {
	o.book.mu.Lock()
	defer o.book.mu.Unlock()
	for _, l := range dead {
		if called != 0 {
			l.called = called
		}
		if acked != 0 {
			l.acked = acked
		}
	}
}

// look holds the process that revoked to its own promise: it accepts nothing in a check begun after the acknowledgement.
func (o *office) look(dead []*life) {
	if o.own == nil {
		return
	}
	for _, l := range dead {
		ctx, cancel := context.WithTimeout(o.t.Context(), patience)
		if _, err := o.own.Verify(ctx, l.jwt); err == nil {
			o.ownLate++
		}
		cancel()
	}
}

// The ways to revoke, each of a user with three sessions. They return who dies.
var ways = []struct {
	kind string
	dead func(all []*life) []*life
	call func(o *office, all []*life) func(context.Context) error
}{
	{
		"by id", func(all []*life) []*life { return all[:1] },
		func(o *office, all []*life) func(context.Context) error {
			return func(ctx context.Context) error { return o.revoker.Session(ctx, all[0].subject, all[0].sid, "soak") }
		},
	},
	{
		"all", func(all []*life) []*life { return all },
		func(o *office, all []*life) func(context.Context) error {
			return func(ctx context.Context) error { return o.revoker.Subject(ctx, all[0].subject, "soak") }
		},
	},
	{
		"others", func(all []*life) []*life { return all[1:] },
		func(o *office, all []*life) func(context.Context) error {
			return func(ctx context.Context) error { return o.revoker.Others(ctx, all[0].subject, all[0].sid, "soak") }
		},
	},
	{
		"refresh reuse", func(all []*life) []*life { return all[:1] },
		func(o *office, all []*life) func(context.Context) error {
			turned := false
			return func(ctx context.Context) error {
				for range 2 {
					_, err := o.issuer.Refresh(ctx, all[0].refresh, token.RefreshOptions{})
					switch {
					case errors.Is(err, token.ErrInvalidToken): // used before, as a first try whose reply was lost may be
						return nil
					case err != nil:
						return err
					case turned:
						return errors.New("a refresh token was good twice")
					}
					turned = true
				}
				return nil
			}
		},
	},
}

const (
	ripeAfter = 700 * time.Millisecond // every cache has the token by then
	lingers   = 4 * time.Second        // how long a dead token is checked: longer than any stop and MaxStale after it
)

// work logs in and revokes until ctx ends, about ten times a second.
func (o *office) work(ctx context.Context) {
	type batch struct {
		all []*life
		at  time.Duration
	}
	var ripening, dying []batch
	for turn := 0; ctx.Err() == nil; turn++ {
		time.Sleep(60*time.Millisecond + rand.N(60*time.Millisecond))
		if all := o.user(3, false); len(all) == 3 {
			ripening = append(ripening, batch{all, clock()})
		} else {
			o.drop(all)
		}
		if len(ripening) > 0 && clock()-ripening[0].at > ripeAfter {
			all, way := ripening[0].all, ways[turn%len(ways)]
			ripening = ripening[1:]
			o.until(ctx, way.kind, way.dead(all), way.call(o, all))
			dying = append(dying, batch{all, clock()})
		}
		for len(dying) > 0 && clock()-dying[0].at > lingers {
			o.drop(dying[0].all)
			dying = dying[1:]
		}
	}
}

func (o *office) drop(all []*life) {
	var tell order
	for _, l := range all {
		tell.Drop = append(tell.Drop, l.n)
	}
	if len(tell.Drop) > 0 {
		o.tell(tell)
	}
}

// probe measures one revocation with every process looking all the time.
func (o *office) probe(ctx context.Context) {
	all := o.user(1, true)
	if len(all) == 0 {
		return
	}
	time.Sleep(150 * time.Millisecond) // every cache has it
	o.tell(order{Probe: all[0].n})
	time.Sleep(40 * time.Millisecond)
	o.until(ctx, "probe", all, func(ctx context.Context) error {
		return o.revoker.Session(ctx, all[0].subject, all[0].sid, "probe")
	})
	time.AfterFunc(time.Second, func() { o.drop(all) })
}
