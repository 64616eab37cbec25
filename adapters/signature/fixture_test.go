package signature_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/signature"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
)

const audience = "billing"

// world is a signer and a verifier on one clock, and a store that counts what is issued on it.
type world struct {
	clock    atomic.Int64 // seconds
	store    *counting
	key      signature.Key
	keys     *signature.Keys
	signer   *signature.Signer
	verifier *signature.Verifier
}

// counting counts Issues, and fails them at will.
type counting struct {
	store.TokenStore
	issued atomic.Int64
	fail   atomic.Pointer[error]
	can    *store.Capabilities
	tell   func(store.IssueRequest)
}

func (c *counting) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	c.issued.Add(1)
	if c.tell != nil {
		c.tell(r)
	}
	if err := c.fail.Load(); err != nil {
		return store.Issued{}, &store.Error{Op: "issue", Err: *err}
	}
	return c.TokenStore.Issue(ctx, r)
}

func (c *counting) Capabilities() store.Capabilities {
	if c.can != nil {
		return *c.can
	}
	return c.TokenStore.Capabilities()
}

func (w *world) now() time.Time       { return time.Unix(w.clock.Load(), 0) }
func (w *world) pass(d time.Duration) { w.clock.Add(int64(d / time.Second)) }
func (w *world) newStore(t *testing.T) *counting {
	t.Helper()
	s := must(memstore.New(&memstore.Options{Now: w.now, SweepInterval: -1}))(t)
	t.Cleanup(func() { _ = s.Close() })
	return &counting{TokenStore: s}
}

func newWorld(t *testing.T, o signature.Options) *world {
	t.Helper()
	w := new(world)
	w.clock.Store(1_795_359_600)
	w.store = w.newStore(t)
	w.key = key(t, "orders-1", 1)
	w.keys = must(signature.NewKeys(w.key))(t)
	w.signer = must(signature.NewSigner(w.keys, audience, &signature.SignerOptions{Now: w.now}))(t)
	o.Now = w.now
	w.verifier = must(signature.NewVerifier(w.store, w.keys, audience, &o))(t)
	return w
}

func key(t *testing.T, id string, seed byte) signature.Key {
	t.Helper()
	return must(signature.NewKey(id, seeded(seed)))(t)
}

// request is a call as a server has it, signed.
func (w *world) request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	sign(t, w.signer, r)
	return r
}

// sign signs a server's request, whose body has no GetBody.
func sign(t *testing.T, s *signature.Signer, r *http.Request) {
	t.Helper()
	if err := s.Sign(r); err != nil {
		t.Fatal(err)
	}
}

// again is a request with the same header as r.
func again(r *http.Request, method, target, body string) *http.Request {
	out := httptest.NewRequest(method, target, strings.NewReader(body))
	out.Header = r.Header.Clone()
	return out
}

// reason returns why an error refuses a call; empty for nil.
func reason(t *testing.T, err error) signature.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := err.(*signature.Error) //nolint:errorlint // the promise is the type itself
	if !ok {
		t.Fatalf("%T is no *Error: %v", err, err)
	}
	return e.Reason
}

func expect(t *testing.T, err error, want signature.Reason) {
	t.Helper()
	if got := reason(t, err); got != want {
		t.Errorf("refused as %q, want %q", got, want)
	}
}

// echo answers with the caller and the body.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id, ok := signature.Caller(r.Context())
	if !ok {
		id = "nobody"
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, id+":"+string(body))
})

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyText(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	return string(must(io.ReadAll(resp.Body))(t))
}
