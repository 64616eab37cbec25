package token_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// publisher is an issuer's endpoint, as a transport: it answers in the process, so that synctest's clock can stand still.
type publisher struct {
	mu   sync.Mutex
	body string
	err  error
	hold chan struct{} // what an answer waits for; nil: nothing
	asks atomic.Int64
}

func (p *publisher) publish(keys ...token.VerifyKey) {
	p.set(string(must(token.MarshalJWKS(keys...))), nil)
}

func (p *publisher) set(body string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.body, p.err = body, err
}

func (p *publisher) block(c chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = c
}

func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.asks.Add(1)
	p.mu.Lock()
	body, err, hold := p.body, p.err, p.hold
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (p *publisher) asked(t *testing.T, want int64) {
	t.Helper()
	if got := p.asks.Load(); got != want {
		t.Errorf("the endpoint was asked %d times, want %d", got, want)
	}
}

const setURL = "https://login.example/jwks"

func newRemote(p *publisher, o token.RemoteOptions) *token.RemoteKeys {
	o.Transport = p
	return must(token.NewRemoteKeys(setURL, &o))
}

func find(t *testing.T, keys token.KeySet, kid string) error {
	t.Helper()
	k, err := keys.FindKey(t.Context(), kid)
	if err == nil && k.KeyID() != kid || err != nil && k.KeyID() != "" {
		t.Errorf("for %s there is the key %q, %v", kid, k.KeyID(), err)
	}
	return err
}

// unanswered checks that an error is an outage and no refusal: HTTP 503 and not 401.
func unanswered(t *testing.T, err error) {
	t.Helper()
	wantErr(t, err, store.ErrUnavailable)
	if errors.Is(err, token.ErrInvalidToken) || token.Code(err) != "" {
		t.Errorf("an outage refuses a token: %v", err)
	}
	var remote *token.RemoteError
	if !errors.As(err, &remote) || remote.Place == "" || remote.Problem == "" {
		t.Errorf("the error is no RemoteError: %v", err)
	}
}

// A set is fetched when it is asked for, again beside a caller once it is old, and before one once it is older. Killed
// mutants: no wait at twice the interval; a fetch that keeps removed keys; a wait at the first interval.
func TestRemoteRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(pub(1, 3)...)
		keys := newRemote(p, token.RemoteOptions{})
		p.asked(t, 0)
		noErr(t, find(t, keys, "key-1"))
		noErr(t, find(t, keys, "key-3"))
		p.asked(t, 1)
		p.publish(pub(3)...) // key-1 is taken out
		time.Sleep(10*time.Minute - 1)
		noErr(t, find(t, keys, "key-1"))
		p.asked(t, 1)
		time.Sleep(time.Nanosecond)
		hold := make(chan struct{})
		p.block(hold)
		for range 5 {
			noErr(t, find(t, keys, "key-1")) // beside a fetch that does not end
		}
		synctest.Wait()
		p.asked(t, 2)
		close(hold)
		synctest.Wait()
		wantErr(t, find(t, keys, "key-1"), token.ErrKey)
		noErr(t, find(t, keys, "key-3"))
		p.publish(pub(5)...)
		time.Sleep(20 * time.Minute) // nobody asked meanwhile
		wantErr(t, find(t, keys, "key-3"), token.ErrKey)
		p.asked(t, 3)
	})
}

// Tokens under made-up kids make one fetch in an interval, also where they come all at once. Killed mutants: no
// UnknownInterval; a flight for each caller.
func TestRemoteUnknownKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(pub(1)...)
		keys := newRemote(p, token.RemoteOptions{})
		flood := func() {
			t.Helper()
			var all sync.WaitGroup
			for n := range 1000 {
				all.Go(func() { wantErr(t, find(t, keys, fmt.Sprint("made-up-", n)), token.ErrKey) })
			}
			all.Wait()
		}
		flood()
		flood()
		p.asked(t, 1)
		p.publish(pub(1, 3)...) // published late: known within the interval
		wantErr(t, find(t, keys, "key-3"), token.ErrKey)
		time.Sleep(time.Minute)
		noErr(t, find(t, keys, "key-3"))
		flood()
		p.asked(t, 2)
		noErr(t, find(t, keys, "key-1"))
	})
}

// Callers share one fetch; one that hangs up leaves it to the others. Killed mutant: the fetch on its first caller's context.
func TestRemoteSharesAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{hold: make(chan struct{})}
		p.publish(pub(1)...)
		keys := newRemote(p, token.RemoteOptions{})
		hasty, hangUp := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := keys.FindKey(hasty, "key-1")
			wantErr(t, err, context.Canceled)
			if errors.Is(err, token.ErrInvalidToken) {
				t.Error("hanging up refuses a token")
			}
		})
		synctest.Wait() // the hasty one has begun the fetch
		for range 50 {
			all.Go(func() { noErr(t, find(t, keys, "key-1")) })
		}
		synctest.Wait()
		hangUp()
		synctest.Wait()
		close(p.hold)
		all.Wait()
		p.asked(t, 1)
	})
}

// While fetches fail the old set is good for MaxStale and no longer; then, and for what it does not know, there is no answer.
// Killed mutants: no bound; an unknown kid refused by an old set; no pause between fetches that fail.
func TestRemoteStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		p := &publisher{}
		p.publish(pub(1)...)
		keys := newRemote(p, token.RemoteOptions{Failed: func(err error) {
			told.Add(1)
			unanswered(t, err)
		}})
		noErr(t, find(t, keys, "key-1"))
		began := time.Now()
		p.set("", &net.OpError{Op: "dial", Err: errors.New("connection refused")})
		time.Sleep(time.Minute)
		unanswered(t, find(t, keys, "key-3")) // it may have been published since
		for time.Since(began) < time.Hour-time.Second {
			time.Sleep(time.Second)
			noErr(t, find(t, keys, "key-1"))
			unanswered(t, find(t, keys, "key-3"))
		}
		if n := p.asks.Load(); n < 60 || n > 70 { // 1, 2, 4 … 32 s, then each minute
			t.Errorf("the endpoint was asked %d times in an hour", n)
		}
		time.Sleep(time.Second)
		unanswered(t, find(t, keys, "key-1"))
		if told.Load() != p.asks.Load()-1 {
			t.Errorf("%d of %d failures were told", told.Load(), p.asks.Load()-1)
		}
		p.publish(pub(1)...)
		time.Sleep(time.Minute)
		noErr(t, find(t, keys, "key-1"))
	})
}

// An endpoint that hangs holds up the first caller that must know, for the timeout, and nobody after it.
func TestRemoteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		p.publish(pub(1)...)
		keys := newRemote(p, token.RemoteOptions{})
		noErr(t, find(t, keys, "key-1"))
		p.block(make(chan struct{}))
		time.Sleep(20 * time.Minute)
		for n := range 120 {
			began := time.Now()
			noErr(t, find(t, keys, "key-1"))
			if took, want := time.Since(began), 10*time.Second; (n == 0) != (took == want) || n > 0 && took > 0 {
				t.Fatalf("call %d took %v", n, took)
			}
			time.Sleep(time.Second)
		}
		cold := newRemote(p, token.RemoteOptions{Timeout: time.Second})
		unanswered(t, find(t, cold, "key-1"))
		unanswered(t, cold.Fetch(t.Context()))
		time.Sleep(10 * time.Second) // the last fetches end
	})
}

// A verifier over remote keys: what is signed by them is good, an outage is no refusal, and keys in a header are not asked for.
func TestRemoteVerifies(t *testing.T) {
	k := newKit(t, setup{})
	var asks atomic.Int64
	good := atomic.Bool{}
	good.Store(true)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asks.Add(1)
		if r.URL.Path != "/jwks" || !good.Load() {
			http.Error(w, "secret-of-the-server", http.StatusBadGateway)
			return
		}
		_, _ = w.Write(must(token.MarshalJWKS(pub(1)...)))
	}))
	t.Cleanup(server.Close)
	keys := must(token.NewRemoteKeys(server.URL+"/jwks?key=hunter2", &token.RemoteOptions{Transport: server.Client().Transport, Now: k.clock.Now}))
	noErr(t, keys.Fetch(t.Context()))
	i := must(token.NewIssuer(k.store, issuerName, ringKeyOf(1), &token.IssuerOptions{Now: k.clock.Now}))
	v := must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: keys, Check: token.Sessions(k.store)}}, &token.VerifierOptions{Now: k.clock.Now, TouchInterval: -1}))
	p := must(i.Login(t.Context(), ann, token.LoginOptions{}))
	noErr(t, second(v.Verify(t.Context(), p.Access.Reveal())))
	header, payload := parts(p.Access.Reveal())
	for _, name := range []string{"jku", "x5u"} {
		forged := b64(header.with(m{name: server.URL + "/evil", "kid": "evil"}).text()) + "." + b64(payload.text()) + "." + b64("x")
		wantErr(t, second(v.Verify(t.Context(), forged)), token.ErrKey)
	}
	if asks.Load() != 1 {
		t.Errorf("the server was asked %d times", asks.Load())
	}
	good.Store(false)
	k.clock.Advance(61 * time.Minute)
	p = must(i.Login(t.Context(), ann, token.LoginOptions{}))
	_, err := v.Verify(t.Context(), p.Access.Reveal())
	unanswered(t, err)
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells too much: %v", err)
	}
	unanswered(t, keys.Fetch(t.Context())) // whatever the pause
	good.Store(true)
	noErr(t, keys.Fetch(t.Context()))
	noErr(t, second(v.Verify(t.Context(), p.Access.Reveal())))
}

// URLs that keys may not come from, and options outside their limits. No error repeats a URL.
func TestRemotesThatAreRefused(t *testing.T) {
	for _, u := range []string{
		"", "hunter2", "http://login.example/hunter2", "https://", "https:hunter2", "https:///hunter2", "ftp://login.example/hunter2",
		"https://u:hunter2@login.example", "https://hunter2@login.example", "https://login.example/#hunter2", "http://127.0.0.1.hunter2/",
		"https://login.example/%zz-hunter2", "http://localhost.hunter2", "file:///hunter2", "://hunter2",
	} {
		for field, make := range map[string]func(string, *token.RemoteOptions) (*token.RemoteKeys, error){
			"url": token.NewRemoteKeys, "issuer": token.NewDiscoveredKeys,
		} {
			keys, err := make(u, nil)
			wantField(t, err, field)
			if keys != nil || err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v, %v", u, keys, err)
			}
		}
	}
	_, err := token.NewDiscoveredKeys("https://login.example/?tenant=x", nil)
	wantField(t, err, "issuer")
	for _, u := range []string{"https://login.example", "http://localhost:80/x", "http://127.0.0.9", "http://[::1]:80"} {
		_, err := token.NewRemoteKeys(u, nil)
		noErr(t, err)
	}
	_, err = token.NewRemoteKeys("http://login.example", &token.RemoteOptions{AllowHTTP: true})
	noErr(t, err)
	for field, o := range map[string]token.RemoteOptions{
		"RemoteOptions.Interval":        {Interval: time.Millisecond},
		"RemoteOptions.UnknownInterval": {UnknownInterval: time.Hour},
		"RemoteOptions.MaxStale":        {MaxStale: time.Minute},
		"RemoteOptions.Timeout":         {Timeout: -1},
		"RemoteOptions.Algorithms[1]":   {Algorithms: []string{token.AlgES256, "none"}},
		"RemoteOptions.Algorithms[0]":   {Algorithms: []string{token.AlgHS256}},
	} {
		_, err := token.NewRemoteKeys(setURL, &o)
		wantField(t, err, field)
	}
}

// Keys of algorithms that are not allowed are as good as not there.
func TestRemoteAlgorithms(t *testing.T) {
	p := &publisher{}
	rsa := must(token.NewVerifyKey("rsa", token.AlgRS256, &rsaKey().PublicKey))
	p.publish(append(pub(1), rsa)...)
	keys := newRemote(p, token.RemoteOptions{Algorithms: []string{token.AlgEd25519}}) // EdDSA by its other name
	noErr(t, find(t, keys, "key-1"))
	wantErr(t, find(t, keys, "rsa"), token.ErrKey)
	unanswered(t, find(t, newRemote(p, token.RemoteOptions{Algorithms: []string{token.AlgPS256}}), "rsa"))
}
