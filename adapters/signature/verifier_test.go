package signature_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/signature"
	"github.com/jetonkit/jeton/store"
)

// Who wraps the middleware keeps its request as it was.
func TestRequiredChangesACopy(t *testing.T) {
	w := newWorld(t, signature.Options{})
	r := w.request(t, "POST", "/", "x")
	if resp := serve(w.verifier.Required(echo), r); resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	if _, ok := signature.Caller(r.Context()); ok {
		t.Error("the caller's request was changed")
	}
}

// As a hook it leaves the request's context alone, and gives the body back.
func TestAuthenticate(t *testing.T) {
	w := newWorld(t, signature.Options{})
	r := w.request(t, "POST", "/", "hello")
	ctx, err := w.verifier.Authenticate(r)
	expect(t, err, "")
	if id, ok := signature.Caller(ctx); id != "orders-1" || !ok {
		t.Errorf("the caller is %q", id)
	}
	if _, ok := signature.Caller(r.Context()); ok {
		t.Error("the request's context was changed")
	}
	if body := string(must(io.ReadAll(r.Body))(t)); body != "hello" {
		t.Errorf("the body is %q", body)
	}
	if ctx, err := w.verifier.Authenticate(again(r, "POST", "/", "hello")); ctx != nil || reason(t, err) != signature.ReasonReplayed {
		t.Errorf("%v, %v", ctx, err)
	}
}

// Each part of a call that is signed, changed alone.
func TestEveryPartIsSigned(t *testing.T) {
	const target, body = "/v1/invoices?a=1&b=2", `{"amount":12}`
	word := func(n int, text string) func(*http.Request) {
		return func(r *http.Request) {
			words := strings.Split(r.Header.Get(signature.Header), " ")
			words[n] = text
			r.Header.Set(signature.Header, strings.Join(words, " "))
		}
	}
	digit := func(at int) func(*http.Request) {
		return func(r *http.Request) {
			mac := []byte(strings.Split(r.Header.Get(signature.Header), " ")[5])
			mac[at] = map[bool]byte{true: '1', false: '0'}[mac[at] == '0']
			word(5, string(mac))(r)
		}
	}
	for _, c := range []struct {
		rule                 string
		method, target, body string
		change               func(*http.Request)
		want                 signature.Reason
	}{
		{"unchanged it passes", "POST", target, body, nil, ""},
		{"the method", "PUT", target, body, nil, signature.ReasonSignature},
		{"the method's case", "post", target, body, nil, signature.ReasonSignature},
		{"the path", "POST", "/v1/invoicez?a=1&b=2", body, nil, signature.ReasonSignature},
		{"the path's encoding", "POST", "/v1/%69nvoices?a=1&b=2", body, nil, signature.ReasonSignature},
		{"a doubled slash", "POST", "//v1/invoices?a=1&b=2", body, nil, signature.ReasonSignature},
		{"a value of the query", "POST", "/v1/invoices?a=1&b=3", body, nil, signature.ReasonSignature},
		{"the query's order", "POST", "/v1/invoices?b=2&a=1", body, nil, signature.ReasonSignature},
		{"the query's encoding", "POST", "/v1/invoices?a=%31&b=2", body, nil, signature.ReasonSignature},
		{"no query", "POST", "/v1/invoices", body, nil, signature.ReasonSignature},
		{"the border of path and query", "POST", "/v1/invoices%3fa=1&b=2", body, nil, signature.ReasonSignature},
		{"the body", "POST", target, `{"amount":13}`, nil, signature.ReasonBody},
		{"no body", "POST", target, "", nil, signature.ReasonBody},
		{"more behind the body", "POST", target, body + " ", nil, signature.ReasonBody},
		{"the body and its hash", "POST", target, "", word(4, emptyHash), signature.ReasonSignature},
		{"the timestamp", "POST", target, body, word(2, "1795359601"), signature.ReasonSignature},
		{"the nonce", "POST", target, body, word(3, strings.Repeat("A", 22)), signature.ReasonSignature},
		{"the key id, for another with the same secret", "POST", target, body, word(1, "orders-2"), signature.ReasonSignature},
		{"a key id that nobody has", "POST", target, body, word(1, "orders-3"), signature.ReasonKey},
		{"the signature", "POST", target, body, word(5, emptyHash), signature.ReasonSignature},
		{"the signature's first digit", "POST", target, body, digit(0), signature.ReasonSignature},
		{"the signature's last digit", "POST", target, body, digit(63), signature.ReasonSignature},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t, signature.Options{})
			if err := w.keys.Replace(w.key, key(t, "orders-2", 1)); err != nil {
				t.Fatal(err)
			}
			r := again(w.request(t, "POST", target, body), c.method, c.target, c.body)
			if c.change != nil {
				c.change(r)
			}
			expect(t, w.verifier.Check(r), c.want)
			if n := w.store.issued.Load(); (n == 1) != (c.want == "") {
				t.Errorf("%d nonces were stored", n)
			}
			if _, ok := signature.Caller(r.Context()); ok != (c.want == "") {
				t.Errorf("the context has a caller: %v", ok)
			}
		})
	}
}

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// The audience is signed though it is not sent.
func TestAudience(t *testing.T) {
	w := newWorld(t, signature.Options{})
	other := must(signature.NewVerifier(w.store, w.keys, "shipping", &signature.Options{Now: w.now}))(t)
	expect(t, other.Check(w.request(t, "GET", "/", "")), signature.ReasonSignature)
	expect(t, w.verifier.Check(w.request(t, "GET", "/", "")), "")
}

func TestReplay(t *testing.T) {
	w := newWorld(t, signature.Options{Skew: 10 * time.Second})
	r := w.request(t, "POST", "/", "x")
	repeat := func() *http.Request { return again(r, "POST", "/", "x") }
	expect(t, w.verifier.Check(repeat()), "")
	expect(t, w.verifier.Check(repeat()), signature.ReasonReplayed)
	second := must(signature.NewVerifier(w.store, w.keys, audience, &signature.Options{Now: w.now, Skew: 10 * time.Second}))(t)
	expect(t, second.Check(repeat()), signature.ReasonReplayed)
	expect(t, w.verifier.Check(w.request(t, "POST", "/", "x")), "")

	t.Run("until the timestamp has passed on a clock that is a minute behind", func(t *testing.T) {
		behind := must(signature.NewVerifier(w.store, w.keys, audience, &signature.Options{
			Now: func() time.Time { return w.now().Add(-time.Minute) }, Skew: 10 * time.Second,
		}))(t)
		w.pass(70 * time.Second)
		expect(t, w.verifier.Check(repeat()), signature.ReasonExpired)
		expect(t, behind.Check(repeat()), signature.ReasonReplayed)
	})
}

// One of many that send the same call at once gets in.
func TestOneOfManyGetsIn(t *testing.T) {
	w := newWorld(t, signature.Options{})
	r := w.request(t, "POST", "/", "x")
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if w.verifier.Check(again(r, "POST", "/", "x")) == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d got in", in.Load())
	}
}

func TestSkew(t *testing.T) {
	for _, c := range []struct {
		rule string
		skew time.Duration
		ago  time.Duration // of the timestamp, at the check
		want signature.Reason
	}{
		{"as long ago as allowed", 5 * time.Second, 5 * time.Second, ""},
		{"longer ago", 5 * time.Second, 6 * time.Second, signature.ReasonExpired},
		{"as far ahead as allowed", 5 * time.Second, -5 * time.Second, ""},
		{"farther ahead", 5 * time.Second, -6 * time.Second, signature.ReasonFuture},
		{"a minute is the default", 0, time.Minute, ""},
		{"a minute is the default's end", 0, 61 * time.Second, signature.ReasonExpired},
		{"five minutes, as version 1 has it", 5 * time.Minute, 5 * time.Minute, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t, signature.Options{Skew: c.skew})
			w.pass(time.Hour)
			at := w.now().Add(-c.ago)
			s := must(signature.NewSigner(w.keys, audience, &signature.SignerOptions{Now: func() time.Time { return at }}))(t)
			r := httptest.NewRequest("GET", "/", nil)
			sign(t, s, r)
			var until time.Time
			w.store.tell = func(r store.IssueRequest) { until = r.Record.ExpiresAt }
			expect(t, w.verifier.Check(r), c.want)
			if c.want != "" {
				if w.store.issued.Load() != 0 {
					t.Error("a nonce was stored")
				}
				return
			}
			if least := at.Add(c.skew + time.Minute); until.Before(least) {
				t.Errorf("the nonce is kept until %v, and a verifier whose clock is a minute behind lets it in until %v", until, least)
			}
		})
	}
}

// A store in the process forgets with it: calls from before are refused.
func TestRestart(t *testing.T) {
	w := newWorld(t, signature.Options{})
	w.pass(time.Minute)
	r := w.request(t, "POST", "/", "x")
	expect(t, w.verifier.Check(again(r, "POST", "/", "x")), "")
	w.pass(5 * time.Second)
	anew := must(signature.NewVerifier(w.newStore(t), w.keys, audience, &signature.Options{Now: w.now}))(t)
	expect(t, anew.Check(again(r, "POST", "/", "x")), signature.ReasonExpired)
	expect(t, anew.Check(w.request(t, "POST", "/", "x")), "")

	durable := w.newStore(t)
	durable.can = &store.Capabilities{Durable: true, NeverEvicts: true}
	kept := must(signature.NewVerifier(durable, w.keys, audience, &signature.Options{Now: w.now}))(t)
	expect(t, kept.Check(again(r, "POST", "/", "x")), "")
}

// Whatever the store answers but "the first time" lets nobody in.
func TestOutage(t *testing.T) {
	w := newWorld(t, signature.Options{})
	for _, cause := range []error{
		store.ErrUnavailable, store.ErrIndeterminate, store.ErrClosed, store.ErrCorrupt, store.ErrClock, store.ErrLimit,
		store.ErrInvalid, store.ErrRevoked, store.ErrNotFound, context.Canceled, io.ErrUnexpectedEOF,
	} {
		t.Run(cause.Error(), func(t *testing.T) {
			w.store.fail.Store(&cause)
			defer w.store.fail.Store(nil)
			err := w.verifier.Check(w.request(t, "GET", "/", ""))
			expect(t, err, signature.ReasonUnavailable)
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, cause) {
				t.Errorf("%v does not match", err)
			}
			rec := httptest.NewRecorder()
			w.verifier.Required(echo).ServeHTTP(rec, w.request(t, "GET", "/", ""))
			if rec.Code != 503 || rec.Header().Get("Retry-After") != "1" || rec.Header().Get("WWW-Authenticate") != "" {
				t.Errorf("%d, %v", rec.Code, rec.Header())
			}
		})
	}
	expect(t, w.verifier.Check(w.request(t, "GET", "/", "")), "")
}

func TestRotation(t *testing.T) {
	w := newWorld(t, signature.Options{})
	replace := func(keys ...signature.Key) {
		t.Helper()
		if err := w.keys.Replace(keys...); err != nil {
			t.Fatal(err)
		}
	}
	caller := func(r *http.Request) string {
		t.Helper()
		expect(t, w.verifier.Check(r), "")
		id, _ := signature.Caller(r.Context())
		return id
	}
	one, two := w.key, key(t, "orders-2", 2)
	replace(one, two)
	if id := caller(w.request(t, "GET", "/", "")); id != "orders-1" {
		t.Errorf("%s signs, not the first", id)
	}
	old := w.request(t, "GET", "/", "")
	replace(two, one)
	if id := caller(w.request(t, "GET", "/", "")); id != "orders-2" {
		t.Errorf("%s signs, not the first", id)
	}
	if id := caller(again(old, "GET", "/", "")); id != "orders-1" {
		t.Errorf("%s verifies, not the other", id)
	}
	old = w.request(t, "GET", "/", "")
	replace(one)
	expect(t, w.verifier.Check(old), signature.ReasonKey)
}

// The body comes back whole, however it was sent.
func TestBody(t *testing.T) {
	w := newWorld(t, signature.Options{MaxBody: 8})
	for _, c := range []struct {
		rule, body string
		length     int64
		want       signature.Reason
	}{
		{"none", "", 0, ""},
		{"as large as may be", "12345678", 8, ""},
		{"of unknown length", "12345678", -1, ""},
		{"too large", "123456789", 9, signature.ReasonTooLarge},
		{"too large, of unknown length", "123456789", -1, signature.ReasonTooLarge},
		{"too large, and nobody said so", "123456789", 1, signature.ReasonTooLarge},
	} {
		t.Run(c.rule, func(t *testing.T) {
			r := w.request(t, "POST", "/", c.body)
			r.ContentLength = c.length
			expect(t, w.verifier.Check(r), c.want)
			if c.want != "" {
				return
			}
			if got := must(io.ReadAll(r.Body))(t); string(got) != c.body || r.ContentLength != int64(len(c.body)) {
				t.Errorf("the handler reads %q of %d", got, r.ContentLength)
			}
		})
	}
	t.Run("that breaks off", func(t *testing.T) {
		r := w.request(t, "POST", "/", "1234")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader("1234"), broken{}))
		expect(t, w.verifier.Check(r), signature.ReasonIncomplete)
	})
	t.Run("over a limit that was put around it", func(t *testing.T) {
		r := w.request(t, "POST", "/", "1234")
		r.Body = http.MaxBytesReader(nil, r.Body, 3)
		expect(t, w.verifier.Check(r), signature.ReasonTooLarge)
	})
	t.Run("none at all", func(t *testing.T) {
		r := w.request(t, "POST", "/", "")
		r.Body = nil
		expect(t, w.verifier.Check(r), "")
	})
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Whoever has no key costs a hash of the header: no byte of the body is read.
func TestStrangersBodiesAreNotRead(t *testing.T) {
	w := newWorld(t, signature.Options{})
	stranger := must(signature.NewSigner(must(signature.NewKeys(key(t, "orders-1", 9)))(t), audience, &signature.SignerOptions{Now: w.now}))(t)
	r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
	sign(t, stranger, r)
	r.Body = io.NopCloser(untouchable{t})
	expect(t, w.verifier.Check(r), signature.ReasonSignature)
	r.Header.Del(signature.Header)
	expect(t, w.verifier.Check(r), signature.ReasonMissing)
	if w.store.issued.Load() != 0 {
		t.Error("a nonce was stored")
	}
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

// A nonce that one caller has used, or that was used elsewhere, is still another's to use: nobody can spoil it.
func TestNoncesAreACallersOwn(t *testing.T) {
	w := newWorld(t, signature.Options{})
	if err := w.keys.Replace(w.key, key(t, "orders-2", 2)); err != nil {
		t.Fatal(err)
	}
	shipping := must(signature.NewVerifier(w.store, w.keys, "shipping", &signature.Options{Now: w.now}))(t)
	call := func(audience, id string, seed byte) *http.Request {
		nonce, at := strings.Repeat("n", 22), strconv.FormatInt(w.now().Unix(), 10)
		mac := hmacHex(seeded(seed), strings.Join([]string{"jeton-signature-v2", audience, id, at, nonce, "GET", "/", emptyHash}, "\n"))
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(signature.Header, strings.Join([]string{"v2", id, at, nonce, emptyHash, mac}, " "))
		return r
	}
	expect(t, w.verifier.Check(call(audience, "orders-1", 1)), "")
	expect(t, w.verifier.Check(call(audience, "orders-1", 1)), signature.ReasonReplayed)
	expect(t, w.verifier.Check(call(audience, "orders-2", 2)), "")
	expect(t, shipping.Check(call("shipping", "orders-1", 1)), "")
}
