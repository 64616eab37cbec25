package token_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

const maxStale = 2 * time.Second

// backend is a memory store that many processes share: its questions are counted, changed and held up.
type backend struct {
	*memstore.Store
	mu    sync.Mutex
	asked int
	down  error
	deaf  bool // no bell rings, and no poll is answered
	alter func(*store.State)
	late  time.Duration // between the answer and its arrival
	hold  chan struct{} // an answer waits until it is closed
}

func (b *backend) Lookup(ctx context.Context, s store.Subject, ids ...string) (store.State, error) {
	b.mu.Lock()
	b.asked++
	down, alter, late, hold := b.down, b.alter, b.late, b.hold
	b.mu.Unlock()
	if down != nil {
		return store.State{}, down
	}
	st, err := b.Store.Lookup(ctx, s, ids...)
	if alter != nil {
		alter(&st)
	}
	if hold != nil {
		<-hold
	}
	time.Sleep(late)
	return st, err
}

func (b *backend) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	b.mu.Lock()
	deaf, down := b.deaf, b.down
	b.mu.Unlock()
	if deaf || down != nil {
		return store.Batch{}, store.ErrUnavailable
	}
	return b.Store.Poll(ctx, partition, from)
}

func (b *backend) Listen(ctx context.Context, ring func(store.Bell)) error {
	return b.Store.Listen(ctx, func(bell store.Bell) {
		b.mu.Lock()
		deaf := b.deaf
		b.mu.Unlock()
		if !deaf {
			ring(bell)
		}
	})
}

func (b *backend) set(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
}

// questions returns how often the store was asked since the last call.
func (b *backend) questions() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.asked
	b.asked = 0
	return n
}

// warmKit is a process with a cache in front of the backend, in a bubble. Another process writes to the backend itself.
type warmKit struct {
	*kit
	b     *backend
	cache *storecache.Cache
	other *token.Revoker
}

func newWarmKit(t *testing.T, s setup) *warmKit {
	t.Helper()
	b := &backend{Store: newMemory(t, time.Now)}
	return newWarmKitOver(t, b, b, s)
}

// newWarmKitOver caches what stands on the backend.
func newWarmKitOver(t *testing.T, b *backend, over store.TokenStore, s setup) *warmKit {
	t.Helper()
	w := &warmKit{b: b, cache: must(storecache.New(t.Context(), over, nil)), other: must(token.NewRevoker(b.Store, nil))}
	s.store = w.cache
	s.now = time.Now
	w.kit = newKit(t, s)
	t.Cleanup(func() { noErr(t, w.cache.Close()) })
	synctest.Wait()
	return w
}

func warm(t *testing.T, s setup, tell func(*testing.T, *warmKit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { tell(t, newWarmKit(t, s)) })
}

// known logs in and verifies twice: the second time nobody is asked and nothing read.
func (w *warmKit) known() (token.Pair, *token.Token) {
	w.t.Helper()
	p := w.login()
	synctest.Wait() // what was revoked before was heard
	noErr(w.t, w.verify(p))
	time.Sleep(time.Millisecond)
	read, hits, _ := stat(w.kit, "token_cache_misses"), stat(w.kit, "token_cache_hits"), w.b.questions()
	got := must(w.verifier.Verify(w.t.Context(), p.Access.Reveal()))
	if n := w.b.questions(); n != 0 || stat(w.kit, "token_cache_misses") != read || stat(w.kit, "token_cache_hits") != hits+1 {
		w.t.Fatalf("a known token: %d questions, read %d times", n, stat(w.kit, "token_cache_misses")-read)
	}
	return p, got
}

// TestKnownTokens: what a verifier knows of a token saves reading it and asking, and changes no verdict.
func TestKnownTokens(t *testing.T) {
	for _, c := range []struct {
		rule string
		then func(*warmKit, token.Pair, *token.Token)
		want error
	}{
		{"nothing happened", func(*warmKit, token.Pair, *token.Token) {}, nil},
		{"the answer is old", func(*warmKit, token.Pair, *token.Token) { time.Sleep(2 * time.Minute) }, nil},
		{"its session was refreshed", func(w *warmKit, p token.Pair, _ *token.Token) { must(w.refresh(p)) }, nil},
		{"it was revoked here", func(w *warmKit, _ token.Pair, k *token.Token) {
			noErr(w.t, w.revoker.Token(w.t.Context(), k, ""))
		}, token.ErrRevoked},
		{"its session was revoked here", func(w *warmKit, p token.Pair, _ *token.Token) {
			noErr(w.t, w.revoker.Session(w.t.Context(), ann, p.Session.ID, ""))
		}, token.ErrRevoked},
		{"everything was revoked here", func(w *warmKit, _ token.Pair, _ *token.Token) {
			noErr(w.t, w.revoker.Subject(w.t.Context(), ann, ""))
		}, token.ErrRevoked},
		{"it was revoked elsewhere", func(w *warmKit, _ token.Pair, k *token.Token) {
			noErr(w.t, w.other.Token(w.t.Context(), k, ""))
			synctest.Wait()
		}, token.ErrRevoked},
		{"it was revoked elsewhere, and this process is deaf", func(w *warmKit, _ token.Pair, k *token.Token) {
			w.b.set(func() { w.b.deaf = true })
			noErr(w.t, w.other.Token(w.t.Context(), k, ""))
			time.Sleep(maxStale + time.Nanosecond)
		}, token.ErrRevoked},
		{"it was kept", func(w *warmKit, p token.Pair, _ *token.Token) {
			noErr(w.t, w.revoker.Others(w.t.Context(), ann, p.Session.ID, ""))
		}, nil},
		{"its time is just not over", func(_ *warmKit, p token.Pair, _ *token.Token) {
			time.Sleep(time.Until(p.AccessExpiresAt.Add(30*time.Second - time.Nanosecond)))
		}, nil},
		{"its time is over", func(_ *warmKit, p token.Pair, _ *token.Token) {
			time.Sleep(time.Until(p.AccessExpiresAt.Add(30 * time.Second)))
		}, token.ErrExpired},
		{"the store cannot be asked, and need not be", func(w *warmKit, _ token.Pair, _ *token.Token) {
			w.b.set(func() { w.b.down = store.ErrUnavailable })
		}, nil},
		{"the store cannot be asked, and must be", func(w *warmKit, _ token.Pair, _ *token.Token) {
			w.b.set(func() { w.b.down = store.ErrUnavailable })
			time.Sleep(maxStale + time.Nanosecond)
		}, store.ErrUnavailable},
		{"the verifier is closed", func(w *warmKit, _ token.Pair, _ *token.Token) { noErr(w.t, w.verifier.Close()) }, nil},
	} {
		for name, check := range checkers {
			t.Run(c.rule+"/"+name, func(t *testing.T) {
				warm(t, setup{check: check, issuer: token.IssuerOptions{AccessTTL: 15 * time.Minute}}, func(t *testing.T, w *warmKit) {
					p, k := w.known()
					c.then(w, p, k)
					for range 3 {
						if err := w.verify(p); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
							t.Errorf("%v, want %v", err, c.want)
						}
					}
					if n := w.verifier.KnownForTest(); n > 1 {
						t.Errorf("one token stands in %d places", n)
					}
				})
			})
		}
	}
}

// TestKnownTokensOfOldAnswers: a record is the new answer's, and one that has ended is asked for again.
func TestKnownTokensOfOldAnswers(t *testing.T) {
	t.Run("metadata", func(t *testing.T) {
		warm(t, setup{}, func(t *testing.T, w *warmKit) {
			p, before := w.known()
			must(w.cache.Update(t.Context(), store.UpdateRequest{Subject: ann, ID: p.Session.ID, Metadata: map[string]string{"device": "phone"}}))
			for range 2 {
				got, _ := must(w.verifier.Verify(t.Context(), p.Access.Reveal())).Session()
				if got.Metadata["device"] != "phone" {
					t.Errorf("the record is %v", got.Metadata)
				}
			}
			if old, _ := before.Session(); old.Metadata != nil {
				t.Errorf("a token that was handed out has changed: %v", old.Metadata)
			}
		})
	})
	ends := func(in time.Duration) func(*store.State) {
		return func(st *store.State) { st.Entries[0].Record.ExpiresAt = st.Now.Add(in) }
	}
	t.Run("the record ends", func(t *testing.T) {
		warm(t, setup{}, func(t *testing.T, w *warmKit) {
			w.b.alter = ends(1500 * time.Millisecond)
			p, _ := w.known()
			w.b.set(func() { w.b.alter = func(st *store.State) { st.Entries[0] = store.Entry{} } })
			time.Sleep(1498 * time.Millisecond) // known slept one
			noErr(t, w.verify(p))
			time.Sleep(time.Millisecond)
			wantErr(t, w.verify(p), token.ErrUnknownSession)
		})
	})
	t.Run("the record was slid elsewhere", func(t *testing.T) {
		warm(t, setup{}, func(t *testing.T, w *warmKit) {
			w.b.alter = ends(time.Second)
			p, _ := w.known()
			w.b.set(func() { w.b.alter = nil })
			time.Sleep(time.Second)
			noErr(t, w.verify(p))
			if w.b.questions() != 1 {
				t.Error("nobody was asked")
			}
		})
	})
	t.Run("the answer was long on its way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := newKit(t, setup{now: time.Now})
			slow := &answering{answer: token.Answer{
				Verdict: store.Verdict{Alive: true, Record: store.Record{ID: "s", ExpiresAt: time.Now().Add(time.Minute)}},
				Now:     time.Now(), Stamp: stampFor(time.Hour),
			}, late: 30 * time.Second}
			v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: slow}}, nil))
			raw := k.login().Access.Reveal()
			for range 2 {
				must(v.Verify(t.Context(), raw))
			}
			time.Sleep(30*time.Second - time.Nanosecond)
			must(v.Verify(t.Context(), raw))
			if slow.asked != 1 {
				t.Errorf("%d questions", slow.asked)
			}
			time.Sleep(time.Nanosecond)
			must(v.Verify(t.Context(), raw))
			if slow.asked != 2 {
				t.Errorf("%d questions after the record's end", slow.asked)
			}
		})
	})
	t.Run("nobody knows when a record ends", func(t *testing.T) {
		k := newKit(t, setup{})
		c := &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true, Record: store.Record{ID: "s", ExpiresAt: start.Add(time.Hour)}}, Stamp: stampFor(time.Hour)}}
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: c}}, &token.VerifierOptions{Now: k.clock.Now}))
		raw := k.login().Access.Reveal()
		for range 3 {
			must(v.Verify(t.Context(), raw))
		}
		if c.asked != 3 {
			t.Errorf("%d questions", c.asked)
		}
	})
}

// TestKnownTokensAndClocks: answers are aged by the process's clock, dates by the program's.
func TestKnownTokensAndClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, setup{})
		c := &answering{answer: token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Minute)}}
		v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: k.key.VerifyKey(), Check: c}}, &token.VerifierOptions{Now: k.clock.Now}))
		p := k.login()
		asked := func(want int) {
			t.Helper()
			must(v.Verify(t.Context(), p.Access.Reveal()))
			if c.asked != want {
				t.Errorf("%d questions, want %d", c.asked, want)
			}
		}
		asked(1)
		asked(1)
		k.clock.Advance(10 * time.Minute) // no time has passed
		asked(1)
		time.Sleep(time.Minute)
		c.answer.Stamp = stampFor(time.Hour)
		asked(2)
		asked(2) // the new answer is known
		for at, want := range map[time.Time]error{
			p.AccessExpiresAt.Add(30 * time.Second): token.ErrExpired, start.Add(-48 * time.Hour): token.ErrNotYetValid,
		} {
			k.clock.Set(at)
			_, err := v.Verify(t.Context(), p.Access.Reveal())
			wantErr(t, err, want)
			k.clock.Set(start)
			must(v.Verify(t.Context(), p.Access.Reveal()))
		}
	})
}

// answering is a checker that counts its questions.
type answering struct {
	answer token.Answer
	err    error
	late   time.Duration
	asked  int
}

func (c *answering) Stamps() bool { return true }

func (c *answering) MaxTokenLife() (time.Duration, error) { return 24 * time.Hour, nil }

func (c *answering) Check(context.Context, *token.Token) (token.Answer, error) {
	c.asked++
	time.Sleep(c.late)
	return c.answer, c.err
}

// TestKnownTextIsComparedWhole: a text with a known token's signature is another text.
func TestKnownTextIsComparedWhole(t *testing.T) {
	warm(t, setup{}, func(t *testing.T, w *warmKit) {
		p, _ := w.known()
		part := strings.Split(p.Access.Reveal(), ".")
		_, payload := parts(p.Access.Reveal())
		for range 2 {
			for _, raw := range []string{
				part[0] + "." + b64(payload.with(m{"sub": "eve"}).text()) + "." + part[2],
				b64(`{"alg":"none","kid":"`+keyID+`"}`) + "." + part[1] + "." + part[2],
				p.Access.Reveal() + "A", "A" + p.Access.Reveal(), part[2], "",
			} {
				if _, err := w.verifier.Verify(t.Context(), raw); !errors.Is(err, token.ErrInvalidToken) {
					t.Errorf("%v", err)
				}
			}
		}
	})
}

// TestOnlyProvenTokensAreKnown: nobody without a key takes room, and a dead token lets go of its.
func TestOnlyProvenTokensAreKnown(t *testing.T) {
	warm(t, setup{}, func(t *testing.T, w *warmKit) {
		header, payload := parts(w.login().Access.Reveal())
		known := func(want int, rule string) {
			t.Helper()
			if n := w.verifier.KnownForTest(); n != want {
				t.Errorf("%s: %d tokens are known, want %d", rule, n, want)
			}
		}
		for range 3 {
			_, err := w.verifier.Verify(t.Context(), forgeWith([]byte("x"), header.text(), payload.text()))
			wantErr(t, err, token.ErrSignature)
			_, err = w.verifier.Verify(t.Context(), forge(header.text(), payload.with(m{"sid": "nobody's"}).text()))
			wantErr(t, err, token.ErrUnknownSession)
			_, err = w.verifier.Verify(t.Context(), forge(header.text(), payload.with(m{"exp": 1}).text()))
			wantErr(t, err, token.ErrInvalidToken)
		}
		known(0, "bad tokens")
		p, k := w.known()
		must(w.verifier.Parse(t.Context(), w.login().Access.Reveal()))
		known(1, "one was verified")
		noErr(t, w.revoker.Token(t.Context(), k, ""))
		wantErr(t, w.verify(p), token.ErrRevoked)
		known(0, "it was revoked")
		w.known()
		noErr(t, w.verifier.Close())
		known(0, "closed")
		noErr(t, w.verify(w.login()))
		known(0, "closed, and asked once more")
	})
}

// TestRevokedWhileAsked: a check that began before a revocation keeps nothing for one that begins after it.
func TestRevokedWhileAsked(t *testing.T) {
	for name, revoke := range map[string]func(*warmKit, token.Pair) error{
		"here": func(w *warmKit, p token.Pair) error { return w.revoker.Session(w.t.Context(), ann, p.Session.ID, "") },
		"elsewhere": func(w *warmKit, p token.Pair) error {
			err := w.other.Session(w.t.Context(), ann, p.Session.ID, "")
			synctest.Wait() // the bell has rung
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			warm(t, setup{}, func(t *testing.T, w *warmKit) {
				p := w.login()
				hold := make(chan struct{})
				w.b.set(func() { w.b.hold = hold })
				first := make(chan error)
				go func() { first <- w.verify(p) }()
				synctest.Wait() // it has read
				w.b.set(func() { w.b.hold = nil })
				noErr(t, revoke(w, p))
				close(hold)
				noErr(t, <-first)
				wantErr(t, w.verify(p), token.ErrRevoked)
			})
		})
	}
}

// TestKnownForeignTokens: both answers that a foreign token with a session stands on must hold.
func TestKnownForeignTokens(t *testing.T) {
	for name, subject := range map[string]store.Subject{
		"its user": token.ForeignUser("", keycloak, "ann"), "its session": token.ForeignSession("", keycloak, "s1"),
	} {
		t.Run(name, func(t *testing.T) {
			warm(t, setup{check: token.Denylist}, func(t *testing.T, w *warmKit) {
				key := foreignKeys()[keycloak]
				v := must(token.NewVerifier([]token.TrustedIssuer{{
					Issuer: keycloak, Keys: key.VerifyKey(), Audience: []string{api}, Types: []string{"JWT"},
					Check: token.Denylist(w.cache), Foreign: &token.Foreign{},
				}}, nil))
				time.Sleep(time.Hour) // after the store's birth
				f := &foreignKit{kit: &kit{t: t, clock: newClock(), key: key}}
				f.clock.Set(time.Now())
				raw := f.mint(f.keycloak("ann", "s1"))
				for range 3 {
					must(v.Verify(t.Context(), raw))
				}
				if n := w.b.questions(); n != 2 {
					t.Errorf("%d questions, want one about each subject", n)
				}
				noErr(t, w.cache.Revoke(t.Context(), store.Revocation{Subject: subject, All: true}))
				_, err := v.Verify(t.Context(), raw)
				wantErr(t, err, token.ErrRevoked)
			})
		})
	}
}

// TestKnownSessionsAreTouched: a session whose tokens are known is touched once per interval all the same.
func TestKnownSessionsAreTouched(t *testing.T) {
	var c touches
	wrap := func(s store.TokenStore) store.TokenStore { return &altered{TokenStore: s, touch: c.touch} }
	warm(t, setup{wrap: wrap}, func(t *testing.T, w *warmKit) {
		p, _ := w.known()
		const seconds = 600
		for range seconds {
			noErr(t, w.verify(p))
			time.Sleep(time.Second)
		}
		if n := c.of(p); n < 9 || n > 10 {
			t.Errorf("%d touches in 10 minutes", n)
		}
		if n := w.b.questions(); n > 15 {
			t.Errorf("%d questions", n)
		}
		rec, _ := must(w.verifier.Verify(t.Context(), p.Access.Reveal())).Session()
		if age := time.Since(rec.LastSeen); age > 2*time.Minute+time.Second { // a minute of the cache's, one of the interval
			t.Errorf("last seen %v ago", age)
		}
	})
}
