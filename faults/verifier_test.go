//go:build unix

package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	storecache "github.com/jetonkit/jeton/store/cache"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

var quiet = slog.New(slog.DiscardHandler)

// patience is how long a check may take: one that begins in a black hole must not hold up the next ones for long.
const patience = 400 * time.Millisecond

// verifying is a process that does nothing but verify: what a resource server does of it.
type verifying struct {
	setup
	eyes []*eye
	log  *logbook
	all  sync.WaitGroup
	end  chan struct{}

	mu     sync.Mutex
	tokens []parcel
	at     map[uint32]int // number -> place in tokens
}

// eye is one verifier. Each has its own connections, as processes do.
type eye struct {
	no       uint8
	kind     eyeKind
	verifier *token.Verifier
	cache    *storecache.Cache
	close    func() error
}

// verify is the main function of a verifying process: it obeys stdin until it ends, and reports.
func verify(in io.Reader, out io.Writer) error {
	orders := json.NewDecoder(bufio.NewReader(in))
	v := &verifying{at: map[uint32]int{}, end: make(chan struct{})}
	if err := orders.Decode(&v.setup); err != nil {
		return err
	}
	if err := v.open(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	for _, e := range v.eyes {
		for n := range 4 {
			v.all.Go(func() { v.watch(e, n*1009) })
		}
	}
	err := v.obey(orders)
	close(v.end)
	v.all.Wait()
	return errors.Join(err, json.NewEncoder(out).Encode(v.report()), v.close())
}

func (v *verifying) open() (err error) {
	if v.log, err = newLogbook(v.Log); err != nil {
		return err
	}
	for i, kind := range v.Eyes {
		e, err := v.openEye(uint8(i), kind) //nolint:gosec // a handful
		if err != nil {
			return fmt.Errorf("%s: %w", kind.Name, err)
		}
		v.eyes = append(v.eyes, e)
	}
	return nil
}

// store connects as redisstore.Parse would, but through proxies.
func (v *verifying) store(ctx context.Context) (*redisstore.Store, func() error, error) {
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: v.Master, SentinelAddrs: v.Sentinels,
		MaxRetries: -1, ContextTimeoutEnabled: true, PoolSize: 5, PipelinePoolSize: -1, Protocol: 2,
		DialTimeout: time.Second, DialerRetries: 1,
		ReadTimeout: time.Second, WriteTimeout: time.Second, PoolTimeout: time.Second,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if via := v.Via[addr]; via != "" {
				addr = via
			}
			return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
		},
	})
	s, err := redisstore.New(ctx, client, &redisstore.Options{
		Prefix: v.Prefix, Durability: redisstore.Replicated(1), FencedLookups: true, Timeout: time.Second, Logger: quiet,
	})
	if err != nil {
		_ = client.Close() // the error at hand says more
		return nil, nil, err
	}
	return s, client.Close, nil
}

func (v *verifying) openEye(no uint8, kind eyeKind) (*eye, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, hangUp, err := v.store(ctx)
	if err != nil {
		return nil, err
	}
	e := &eye{no: no, kind: kind}
	var judge token.Checker
	if kind.Kind == withView {
		view, err := revocation.Open(ctx, s, &revocation.Options{MaxStale: kind.MaxStale, Logger: quiet})
		if err != nil {
			return nil, err
		}
		judge = token.Local(view, nil)
		e.close = func() error { return errors.Join(view.Close(), s.Close(), hangUp()) }
	} else {
		behind, o := store.TokenStore(s), storecache.Options{MaxStale: kind.MaxStale}
		switch kind.Kind {
		case deafCache:
			behind = deaf{s}
		case slowCache:
			o.MaxStale = 10 * kind.MaxStale
		}
		if e.cache, err = storecache.New(ctx, behind, &o); err != nil {
			return nil, err
		}
		judge = token.Sessions(e.cache)
		e.close = func() error { return errors.Join(e.cache.Close(), hangUp()) }
	}
	key, err := token.HS256("soak", v.Secret)
	if err != nil {
		return nil, err
	}
	e.verifier, err = token.NewVerifier([]token.TrustedIssuer{{Issuer: v.Issuer, Keys: key.VerifyKey(), Check: judge}}, nil)
	return e, err
}

// deaf is a store whose feed says that nothing has happened.
type deaf struct{ *redisstore.Store }

// Poll tells what was there at the first poll, and from then on nothing.
func (d deaf) Poll(ctx context.Context, partition int, from store.Position) (store.Batch, error) {
	b, err := d.Store.Poll(ctx, partition, from)
	if from.ID != "" && len(b.Events) > 0 {
		b = store.Batch{Events: b.Events[:1]}
	}
	return b, err
}

// Listen hears nothing.
func (d deaf) Listen(ctx context.Context, _ func(store.Bell)) error {
	<-ctx.Done()
	return ctx.Err()
}

// obey follows orders until they end.
func (v *verifying) obey(orders *json.Decoder) error {
	for {
		var o order
		if err := orders.Decode(&o); err != nil || o.End {
			return err
		}
		v.mu.Lock()
		for _, p := range o.Add {
			v.at[p.N] = len(v.tokens)
			v.tokens = append(v.tokens, p)
		}
		for _, n := range o.Drop {
			v.drop(n)
		}
		at, known := v.at[o.Probe]
		if o.Probe != 0 && known {
			p := v.tokens[at]
			for _, e := range v.eyes {
				v.all.Go(func() { v.probe(e, p) })
			}
		}
		v.mu.Unlock()
	}
}

// drop forgets a token; the last one takes its place.
func (v *verifying) drop(n uint32) {
	at, known := v.at[n]
	if !known {
		return
	}
	last := len(v.tokens) - 1
	v.tokens[at] = v.tokens[last]
	v.at[v.tokens[at].N] = at
	v.tokens = v.tokens[:last]
	delete(v.at, n)
}

// watch checks one token after the other until the end.
func (v *verifying) watch(e *eye, turn int) {
	for ; ; turn++ {
		select {
		case <-v.end:
			return
		case <-time.After(5 * time.Millisecond):
		}
		v.mu.Lock()
		var p parcel
		if n := len(v.tokens); n > 0 {
			p = v.tokens[turn*7919%n]
		}
		v.mu.Unlock()
		if p.N != 0 {
			v.check(e, p)
		}
	}
}

// probe checks one token all the time, to see when it is refused.
func (v *verifying) probe(e *eye, p parcel) {
	for until := clock() + 3*time.Second; clock() < until; time.Sleep(500 * time.Microsecond) {
		if v.check(e, p) == refused {
			return
		}
	}
}

func (v *verifying) check(e *eye, p parcel) verdict {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := clock()
	_, err := e.verifier.Verify(ctx, p.JWT)
	said := verdictOf(err)
	v.log.note(check{Eye: e.no, Said: said, Token: p.N, Began: began, Ended: clock()})
	return said
}

func (v *verifying) report() report {
	r := report{Hits: map[string]int64{}, Misses: map[string]int64{}, Doubts: map[string]int64{}}
	for _, e := range v.eyes {
		if e.cache == nil {
			continue
		}
		for _, st := range store.Stats(e.cache) {
			switch st.Name {
			case "cache_hits":
				r.Hits[e.kind.Name] = st.Value
			case "cache_misses":
				r.Misses[e.kind.Name] = st.Value
			case "cache_flushes":
				r.Doubts[e.kind.Name] = st.Value
			}
		}
	}
	return r
}

func (v *verifying) close() error {
	err := v.log.close()
	for _, e := range v.eyes {
		err = errors.Join(err, e.verifier.Close(), e.close())
	}
	return err
}

// child is the main function of the test binary where it was started as a verifying process.
func child() int {
	if err := verify(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "verifying:", err)
		return 1
	}
	return 0
}
