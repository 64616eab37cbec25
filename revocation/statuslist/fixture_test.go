package statuslist_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

const (
	issuerName = "https://issuer.example"
	listURI    = "https://issuer.example/status/1"
)

// world is an issuer with its list, and a verifier that has nothing but the list. It lives in a synctest bubble.
type world struct {
	*testing.T
	store     *brittle
	key       token.SigningKey
	view      *revocation.View
	places    *statuslist.Allocator
	publisher *statuslist.Publisher
	issuer    *token.Issuer
	revoker   *token.Revoker
	net       *network
	lists     *statuslist.Consumer
	verifier  *token.Verifier
}

// brittle is a store that fails at will.
type brittle struct {
	store.TokenStore
	issued atomic.Int64
	fail   atomic.Pointer[error]
	slow   atomic.Int64 // how long List takes, in nanoseconds
	can    *store.Capabilities
}

func (b *brittle) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	b.issued.Add(1)
	return b.TokenStore.Issue(ctx, r)
}

func (b *brittle) List(ctx context.Context, s store.Subject, p store.Page) (store.Records, error) {
	if err := b.fail.Load(); err != nil {
		return store.Records{}, *err
	}
	select {
	case <-time.After(time.Duration(b.slow.Load())):
	case <-ctx.Done():
		return store.Records{}, ctx.Err()
	}
	return b.TokenStore.List(ctx, s, p)
}

func (b *brittle) Capabilities() store.Capabilities {
	if b.can != nil {
		return *b.can
	}
	return b.TokenStore.Capabilities()
}

// network serves a handler to a consumer, without sockets, which a bubble cannot have.
type network struct {
	mu      sync.Mutex
	handler http.Handler
	asked   []*http.Request
	down    error
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h, down := n.handler, n.down
	n.asked = append(n.asked, r)
	n.mu.Unlock()
	if down != nil {
		return nil, down
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (n *network) fail(err error) { n.mu.Lock(); n.down = err; n.mu.Unlock() }

func (n *network) serve(h http.Handler) { n.mu.Lock(); n.handler = h; n.mu.Unlock() }

func (n *network) count() int { n.mu.Lock(); defer n.mu.Unlock(); return len(n.asked) }

func newWorld(t *testing.T, size int) *world {
	t.Helper()
	w := &world{T: t, net: new(network)}
	w.store = &brittle{TokenStore: must(memstore.New(&memstore.Options{MaxTokenLife: time.Hour, SweepInterval: -1}))(t)}
	w.key = must(token.HS256("k1", []byte("0123456789abcdef0123456789abcdef")))(t)
	feed := must(store.FeedOf(w.store.TokenStore))(t)
	w.view = must(revocation.Open(t.Context(), feed, nil))(t)
	w.places = must(statuslist.NewAllocator(w.store, listURI, &statuslist.AllocatorOptions{Size: size}))(t)
	w.publisher = must(statuslist.NewPublisher(w.places, w.view, w.key, issuerName, nil))(t)
	w.issuer = must(token.NewIssuer(w.store, issuerName, w.key, &token.IssuerOptions{Claims: w.places.Claims}))(t)
	w.revoker = must(token.NewRevoker(w.store, nil))(t)
	w.net.serve(w.publisher)
	w.lists = w.consumer(statuslist.ConsumerOptions{})
	w.verifier = must(token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName, Keys: w.key.VerifyKey(),
		Extra: token.ExtraOf[statuslist.Claims](), Check: statuslist.Check[statuslist.Claims](w.lists, nil),
	}}, nil))(t)
	t.Cleanup(func() {
		_ = w.verifier.Close()
		if err := w.view.Close(); err != nil {
			t.Error(err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) consumer(o statuslist.ConsumerOptions) *statuslist.Consumer {
	w.Helper()
	o.Transport = w.net
	return must(statuslist.NewConsumer([]statuslist.Source{{
		Issuer: issuerName, Keys: w.key.VerifyKey(), URI: "https://issuer.example/status/",
	}}, &o))(w.T)
}

func (w *world) login(name string) token.Pair {
	w.Helper()
	return must(w.issuer.Login(w.Context(), store.User(name), token.LoginOptions{}))(w.T)
}

// verify verifies an access token.
func (w *world) verify(p token.Pair) (*token.Token, error) {
	return w.verifier.Verify(w.Context(), p.Access.Reveal())
}

// settle waits until what was revoked is in the list that the verifier has: the view's MaxStale, the list's age and its
// ttl.
func (w *world) settle() { time.Sleep(2*time.Second + 15*time.Second + time.Minute) }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
