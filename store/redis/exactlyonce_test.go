package redisstore_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/internal/wire"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// onceWrite is a write and what it needs to be there, both on the same subject and at the same moment, so that two runs differ
// in nothing but what the network did.
type onceWrite struct {
	name    string
	prepare func(*onceWorld)
	write   func(*onceWorld) (any, error)
	// again, where it is not nil, turns the answer into the one that the contract gives a repeat. What was done is the
	// same in either case.
	again func(*onceOutcome)
}

// onceWorld is a store behind a proxy, and beside it the server, on a clock that stands still.
type onceWorld struct {
	t      *testing.T
	p      *cutProxy
	direct *redisstore.Store // not behind the proxy
	s      *redisstore.Store
	admin  *redis.Client
	ledger string
	feed   string
	now    time.Time
}

// The links and ids of the writes are always the same.
var (
	onceSubject = store.User("once-and-only-once")
	onceLinks   = [4]store.Link{{1}, {2}, {3}, {4}}
	onceID      = "AAAAAAAAAAAAAAAAAAAAAA"
)

func (w *onceWorld) login(id string, link int, limit store.Limit) (store.Issued, error) {
	return w.loginTo(w.s, id, link, limit)
}

func (w *onceWorld) loginTo(s store.TokenStore, id string, link int, limit store.Limit) (store.Issued, error) {
	return s.Issue(w.t.Context(), store.IssueRequest{Limit: limit, Record: store.Record{
		ID: id, Subject: onceSubject, Class: "web", Link: onceLinks[link], ExpiresAt: w.now.Add(time.Hour), Metadata: map[string]string{"a": "b"},
	}})
}

func (w *onceWorld) have(ids ...string) {
	for i, id := range ids {
		if _, err := w.loginTo(w.direct, id, i, store.Limit{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *onceWorld) rotate(s store.TokenStore, from, link, next int) (store.Rotated, error) {
	return s.Rotate(w.t.Context(), store.RotateRequest{
		Subject: onceSubject, ID: onceID, Rotation: uint64(from), Link: onceLinks[link], NextLink: onceLinks[next], Grace: time.Minute, GraceReplays: 2,
	})
}

func (w *onceWorld) haveRotated() {
	w.have(onceID)
	if r, err := w.rotate(w.direct, 0, 0, 1); err != nil || r.Outcome != store.RotateOK {
		w.t.Fatal(r, err)
	}
}

func (w *onceWorld) revoke(r store.Revocation) (any, error) {
	r.Subject = onceSubject
	return nil, w.s.Revoke(w.t.Context(), r)
}

func (w *onceWorld) must(err error) {
	if err != nil {
		w.t.Fatal(err)
	}
}

var onceWrites = []onceWrite{
	{"issue", func(*onceWorld) {}, func(w *onceWorld) (any, error) { return w.login(onceID, 0, store.Limit{}) }, nil},
	{
		"issue, limit 1", func(w *onceWorld) { w.have("first", "second") },
		func(w *onceWorld) (any, error) { return w.login(onceID, 3, store.Limit{Max: 1}) }, func(o *onceOutcome) {
			is, _ := o.answer.(store.Issued)
			is.Evicted = nil
			o.answer = is
		},
	},
	{"rotate", func(w *onceWorld) { w.have(onceID) }, func(w *onceWorld) (any, error) { return w.rotate(w.s, 0, 0, 1) }, nil},
	{"rotate, replay", func(w *onceWorld) { w.haveRotated() }, func(w *onceWorld) (any, error) { return w.rotate(w.s, 0, 0, 2) }, nil},
	{"rotate, forward", func(w *onceWorld) { w.have(onceID) }, func(w *onceWorld) (any, error) { return w.rotate(w.s, 7, 2, 3) }, func(o *onceOutcome) {
		r, _ := o.answer.(store.Rotated)
		r.Outcome = store.RotateOK
		o.answer = r
	}},
	{"rotate, reuse", func(w *onceWorld) { w.haveRotated() }, func(w *onceWorld) (any, error) { return w.rotate(w.s, 0, 2, 3) }, func(o *onceOutcome) {
		o.answer, o.err = store.Rotated{}, fmt.Sprintf("jeton: redis rotate subject %v: revoked", onceSubject.Digest())
	}},
	{"update", func(w *onceWorld) { w.have(onceID) }, func(w *onceWorld) (any, error) {
		return w.s.Update(w.t.Context(), store.UpdateRequest{
			Subject: onceSubject, ID: onceID, Metadata: map[string]string{"c": "d"}, ExpiresAt: w.now.Add(time.Minute),
		})
	}, nil},
	{"touch", func(w *onceWorld) { w.have(onceID) }, func(w *onceWorld) (any, error) {
		return nil, w.s.Touch(w.t.Context(), store.TouchRequest{Subject: onceSubject, ID: onceID, ExpiresAt: w.now.Add(2 * time.Hour)})
	}, nil},
	{"revoke ids", func(w *onceWorld) { w.have(onceID) }, func(w *onceWorld) (any, error) {
		return w.revoke(store.Revocation{IDs: []string{onceID, "unknown"}, Reason: "stolen"})
	}, nil},
	{"revoke all", func(w *onceWorld) { w.have(onceID) }, func(w *onceWorld) (any, error) { return w.revoke(store.Revocation{All: true}) }, nil},
	{"revoke others", func(w *onceWorld) { w.have(onceID, "other") }, func(w *onceWorld) (any, error) {
		return w.revoke(store.Revocation{Others: &store.Others{Keep: onceID}})
	}, nil},
	{"revoke a class", func(w *onceWorld) { w.have(onceID, "other") }, func(w *onceWorld) (any, error) {
		return w.revoke(store.Revocation{Others: &store.Others{Keep: onceID, Class: "web"}})
	}, nil},
	{"forget", func(w *onceWorld) {
		w.have(onceID)
		w.must(w.direct.Revoke(w.t.Context(), store.Revocation{Subject: onceSubject, IDs: []string{"barred"}}))
	}, func(w *onceWorld) (any, error) { return nil, w.s.Forget(w.t.Context(), onceSubject) }, nil},
}

func newOnceWorld(t *testing.T, own func(*onceWorld) redis.UniversalClient) *onceWorld {
	server := testenv.Redis(t)
	w := &onceWorld{t: t, p: cutProxyTo(t, server), now: time.Now().Add(time.Hour).Truncate(time.Second).UTC()}
	o := &redisstore.Options{Partitions: 16, Now: func() time.Time { return w.now }}
	w.direct = openedAt(t, server.URL(), o)
	if own == nil {
		w.s = openedAt(t, w.p.url(), o)
	} else {
		s, err := redisstore.New(t.Context(), own(w), o)
		w.must(err)
		t.Cleanup(func() { _ = s.Close() })
		w.s = s
	}
	w.admin = redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2})
	t.Cleanup(func() { _ = w.admin.Close() })
	keys := keyspace.NewRedis("jeton:", 16)
	w.ledger, w.feed = keys.Ledger(onceSubject.Digest()), keys.Feed(onceSubject.Digest().Partition(16))
	return w
}

// onceOutcome is everything that a write did: its answer, the ledger as it is stored, and the events that it appended.
type onceOutcome struct {
	answer any
	err    string
	ledger map[string]string
	events []store.Event
}

// run prepares, cuts, writes, and returns what came of it.
func (w *onceWorld) run(v onceWrite, reply, request int, forgetScripts bool) onceOutcome {
	w.t.Helper()
	w.must(w.admin.Del(w.t.Context(), w.ledger, w.feed).Err())
	v.prepare(w)
	before := w.events()
	if forgetScripts {
		w.must(w.admin.ScriptFlush(w.t.Context()).Err())
		w.must(w.admin.FunctionFlush(w.t.Context()).Err())
	}
	w.p.arm(reply, request)
	answer, err := v.write(w)
	out := onceOutcome{answer: answer, err: fmt.Sprint(err), events: w.events()[len(before):]}
	fields, err := w.admin.HGetAll(w.t.Context(), w.ledger).Result()
	w.must(err)
	if ops := fields["o"]; ops != "" { // of writes that the store itself gives an op: how many there are
		fields["o"] = fmt.Sprint(len(ops) / 16)
	}
	out.ledger = fields
	return out
}

// events returns the feed, without the positions, which are random.
func (w *onceWorld) events() []store.Event {
	messages, err := w.admin.XRange(w.t.Context(), w.feed, "-", "+").Result()
	w.must(err)
	events := make([]store.Event, len(messages))
	for i, m := range messages {
		body, _ := m.Values["e"].(string)
		events[i], err = wire.DecodeNotice(body)
		w.must(err)
		events[i].Position = store.Position{}
		slices.SortFunc(events[i].IDs, func(a, b store.Digest) int { return slices.Compare(a[:], b[:]) })
	}
	return events
}

func (o onceOutcome) differs(from onceOutcome) string {
	switch {
	case o.err != from.err || !reflect.DeepEqual(o.answer, from.answer):
		return fmt.Sprintf("the answer is %+v, %s; want %+v, %s", o.answer, o.err, from.answer, from.err)
	case !maps.Equal(o.ledger, from.ledger):
		return fmt.Sprintf("the ledger is %q, want %q", o.ledger, from.ledger)
	case !reflect.DeepEqual(o.events, from.events):
		return fmt.Sprintf("the events are %+v, want %+v", o.events, from.events)
	}
	return ""
}

// repeated returns the outcome of a repeat.
func (v onceWrite) repeated(first onceOutcome) onceOutcome {
	v.again(&first)
	return first
}

// TestExactlyOnce cuts the connection behind the n-th byte of the reply to every write, for all n, and of the request, for
// some. The store repeats by itself, and the answer, every byte of the ledger and the feed are those of a write that
// nothing happened to: no double effect, nothing lost. Kills the mutants of a script whose repeat is not told (again
// taken for new), and a judge that never tries again.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	t.Run("functions", func(t *testing.T) { cutEverywhere(t, 1, "") })
	t.Run("scripts", func(t *testing.T) { cutEverywhere(t, 7, "-fcall") })
}

// cutEverywhere cuts behind every step-th byte of replies, at a server with this rule for its users.
func cutEverywhere(t *testing.T, step int, rule string) {
	w := newOnceWorld(t, nil)
	w.must(w.admin.Do(t.Context(), "ACL", "SETUSER", "default", rule).Err())
	cuts, requests, wrong := 0, 0, 0
	for _, v := range onceWrites {
		for _, forget := range []bool{false, true} {
			w.run(v, -1, -1, false) // the server knows the script from here on
			want := w.run(v, -1, -1, forget)
			replies, request, commands := w.p.traffic()
			usual := []string{"fcall"}
			switch {
			case rule != "" && forget:
				usual = []string{"evalsha", "eval"}
			case rule != "":
				usual = []string{"evalsha"}
			case forget:
				usual = []string{"fcall", "function", "fcall"}
			}
			commands = slices.DeleteFunc(slices.Clone(commands), func(c string) bool { return c == "xrevrange" || c == "time" }) // a look, once a second
			if want.err != "<nil>" || !slices.Equal(commands, usual) {
				t.Fatalf("%s undisturbed: %s by %v", v.name, want.err, commands)
			}
			check := func(what string, n, reply, cut int) {
				got := w.run(v, reply, cut, forget)
				if diff := got.differs(want); diff != "" && (v.again == nil || got.differs(v.repeated(want)) != "") {
					wrong++
					t.Errorf("%s, %s %d: %s", v.name, what, n, diff)
				}
				if _, _, commands := w.p.traffic(); len(commands) < 2 && n < replies {
					t.Fatalf("%s, %s %d: nothing was cut: %v", v.name, what, n, commands)
				}
			}
			every := step
			if forget { // the first reply only says that the verb is not known, the last is that of a verb that is
				every *= 5
			}
			for n := 0; n <= replies; n += every {
				check("reply byte", n, n, -1)
				cuts++
			}
			for n := 0; n <= request; n += max(1, request/25) {
				check("request byte", n, -1, n)
				requests++
			}
			check("request byte", request, -1, request) // all of it came, and nothing went back
			requests++
		}
	}
	t.Logf("exactly once: %d writes, %d cut replies and %d cut requests: double effects or acknowledged lost: %d", len(onceWrites), cuts, requests, wrong)
}

// TestExactlyOnceOnACallersClient: a client with go-redis's own retries on is no way around. Kills the mutant without NoRetry.
func TestExactlyOnceOnACallersClient(t *testing.T) {
	t.Parallel()
	w := newOnceWorld(t, func(w *onceWorld) redis.UniversalClient {
		c := redis.NewClient(&redis.Options{Addr: w.p.addr(), ContextTimeoutEnabled: true, MaxRetries: 5, Protocol: 3})
		w.t.Cleanup(func() { _ = c.Close() })
		return c
	})
	cuts := 0
	for _, v := range onceWrites {
		w.run(v, -1, -1, false)
		want := w.run(v, -1, -1, false)
		replies, _, _ := w.p.traffic()
		for n := 0; n <= replies; n += 1 + replies/10 {
			before := w.retries()
			got := w.run(v, n, -1, false)
			if diff := got.differs(want); diff != "" && (v.again == nil || got.differs(v.repeated(want)) != "") {
				t.Errorf("%s, reply byte %d: %s", v.name, n, diff)
			}
			if again := w.retries() - before; n < replies && (again != 1 || w.sends() != 2) {
				t.Errorf("%s, reply byte %d: sent %d times, and again by the store %d times", v.name, n, w.sends(), again)
			}
			cuts++
		}
	}
	t.Logf("exactly once with go-redis's retries on: %d cut replies", cuts)
}

// retries returns how often the store has sent something again.
func (w *onceWorld) retries() int64 {
	for _, s := range w.s.Stats() {
		if s.Name == "redis_retries" {
			return s.Value
		}
	}
	w.t.Fatal("the stat is not there")
	return 0
}

// sends counts the calls of functions since arm.
func (w *onceWorld) sends() (n int) {
	_, _, commands := w.p.traffic()
	for _, c := range commands {
		if c == "fcall" {
			n++
		}
	}
	return n
}
