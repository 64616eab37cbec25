package statuslist_test

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func ask(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r io.Reader) string {
	t.Helper()
	return string(must(io.ReadAll(r))(t))
}

// TestHandler holds the answers to the draft's §8.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		raw := must(w.publisher.Token(t.Context()))(t)
		plain := ask(w.publisher, "GET", "/status/1")
		if got := text(t, plain.Body); plain.StatusCode != 200 || got != raw {
			t.Fatalf("%s %q", plain.Status, got)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/statuslist+jwt", "Cache-Control": "public, max-age=60", "Content-Encoding": "",
			"Access-Control-Allow-Origin": "*", "Vary": "Accept, Accept-Encoding", "X-Content-Type-Options": "nosniff",
		} {
			if got := plain.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		zipped := ask(w.publisher, "GET", "/status/1", "Accept-Encoding", "br, gzip;q=0.5")
		if got := text(t, must(gzip.NewReader(zipped.Body))(t)); got != raw || zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("zipped: %q, %v", got, zipped.Header)
		}
		etag, zetag := plain.Header.Get("ETag"), zipped.Header.Get("ETag")
		if etag == "" || etag == zetag {
			t.Errorf("the ETags are %s and %s", etag, zetag)
		}
		for _, c := range []struct {
			rule, method, target string
			header               []string
			status               int
		}{
			{"HEAD", "HEAD", "/", nil, 200},
			{"POST", "POST", "/", nil, 405},
			{"another time", "GET", "/?time=1686925000", nil, 501},
			{"another time without a value", "GET", "/?time", nil, 501},
			{"another time, broken", "GET", "/?time=%zz", nil, 400},
			{"another time, and a semicolon", "GET", "/?time=1;x", nil, 400},
			{"another parameter", "GET", "/?x=1", nil, 200},
			{"the type", "GET", "/", []string{"Accept", "application/statuslist+jwt"}, 200},
			{"all types", "GET", "/", []string{"Accept", "text/html, */*;q=0.1"}, 200},
			{"the family", "GET", "/", []string{"Accept", "application/*"}, 200},
			{"another type", "GET", "/", []string{"Accept", "application/statuslist+cwt"}, 406},
			{"all types but this", "GET", "/", []string{"Accept", "*/*, application/statuslist+jwt;q=0"}, 406},
			{"no type", "GET", "/", []string{"Accept", "*/*;q=0.0"}, 406},
			{"unchanged", "GET", "/", []string{"If-None-Match", etag}, 304},
			{"unchanged, of several", "GET", "/", []string{"If-None-Match", `"x", W/` + etag}, 304},
			{"unchanged, zipped", "GET", "/", []string{"If-None-Match", zetag, "Accept-Encoding", "gzip"}, 304},
			{"of another coding", "GET", "/", []string{"If-None-Match", zetag}, 200},
			{"changed", "GET", "/", []string{"If-None-Match", `"x"`}, 200},
		} {
			resp := ask(w.publisher, c.method, c.target, c.header...)
			body := text(t, resp.Body)
			if resp.StatusCode != c.status {
				t.Errorf("%s: %s", c.rule, resp.Status)
			}
			if (c.status == 304 || c.method == "HEAD") && body != "" {
				t.Errorf("%s: the body is %q", c.rule, body)
			}
			if c.status >= 400 && (resp.Header.Get("Cache-Control") != "no-store" || strings.Contains(body, raw)) {
				t.Errorf("%s: %v %q", c.rule, resp.Header, body)
			}
		}
		for _, refused := range []string{"gzip;q=0", "identity", "*;q=0", "br"} {
			if resp := ask(w.publisher, "GET", "/", "Accept-Encoding", refused); resp.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: zipped", refused)
			}
		}
		if resp := ask(w.publisher, "GET", "/", "Accept-Encoding", "*"); resp.Header.Get("Content-Encoding") != "gzip" {
			t.Error("every coding is accepted, and it is not zipped")
		}
	})
}

// The claims of a list (draft §5.1).
func TestListToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		raw := must(w.publisher.Token(t.Context()))(t)
		parts := strings.Split(raw, ".")
		var head, body map[string]any
		for n, into := range []*map[string]any{&head, &body} {
			check(t, json.Unmarshal(must(base64.RawURLEncoding.DecodeString(parts[n]))(t), into))
		}
		now := float64(time.Now().Unix())
		if head["typ"] != "statuslist+jwt" || head["alg"] != "HS256" || head["kid"] != "k1" {
			t.Errorf("%v", head)
		}
		list, _ := body["status_list"].(map[string]any)
		if body["sub"] != listURI || body["iss"] != issuerName || body["iat"] != now || body["exp"] != now+600 || body["ttl"] != 60.0 || list["bits"] != 1.0 {
			t.Errorf("%v", body)
		}
		if _, err := w.verifier.Verify(t.Context(), raw); !errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("a list is no access token: %v", err)
		}
	})
}

// A list is made when it is asked for and old, signed anew when it says something else or is at half of its life, and
// served until it expires while nothing newer can be made.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		get := func() string { return must(w.publisher.Token(t.Context()))(t) }
		p := w.login("ann")
		first := get()
		time.Sleep(299 * time.Second)
		if get() != first {
			t.Error("signed anew, though it says the same")
		}
		check(t, w.revoker.Session(t.Context(), p.Session.Subject, p.Session.ID, ""))
		time.Sleep(2 * time.Second) // the view's MaxStale
		if get() != first {
			t.Error("made anew within Interval")
		}
		time.Sleep(13 * time.Second)
		second := get()
		if second == first {
			t.Error("the revocation is not in it")
		}
		time.Sleep(300 * time.Second)
		third := get()
		if third == second {
			t.Error("at half of its life it is not signed anew")
		}

		down := store.ErrUnavailable
		w.store.fail.Store(&down)
		time.Sleep(599 * time.Second)
		if get() != third {
			t.Error("it is not served until it expires")
		}
		if age := ask(w.publisher, "GET", "/").Header.Get("Cache-Control"); age != "public, max-age=1" {
			t.Errorf("a second before its end: %s", age)
		}
		time.Sleep(time.Second)
		resp := ask(w.publisher, "GET", "/")
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %v", resp.Status, resp.Header)
		}
		if _, err := w.publisher.Token(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		w.store.fail.Store(nil)
		time.Sleep(time.Second)
		if get() == third {
			t.Error("it is not made anew")
		}
		check(t, w.view.Close())
		time.Sleep(10 * time.Minute)
		if _, err := w.publisher.Token(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("without a view: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		w.store.fail.Store(&down)
		if _, err := w.publisher.Token(gone); err == nil {
			t.Error("no error")
		}
	})
}

// While the store hangs, whoever asks waits for one attempt and gets the last list; they do not wait for one each.
func TestAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		first := must(w.publisher.Token(t.Context()))(t)
		w.store.slow.Store(int64(time.Hour))
		time.Sleep(15 * time.Second)
		began := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if got, err := w.publisher.Token(t.Context()); got != first || err != nil {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Who goes away does not take the list along that others wait for.
func TestAnImpatientReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		p := w.login("ann")
		first := must(w.publisher.Token(t.Context()))(t)
		check(t, w.revoker.Session(t.Context(), p.Session.Subject, p.Session.ID, ""))
		time.Sleep(15 * time.Second)
		w.store.slow.Store(int64(2 * time.Second))
		hurry, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() { _, _ = w.publisher.Token(hurry) })
		synctest.Wait()
		if got := must(w.publisher.Token(t.Context()))(t); got == first {
			t.Error("the revocation is not in it")
		}
		all.Wait()
	})
}

// A place that cannot be read makes no list: what is not known must not look valid.
func TestBrokenPlace(t *testing.T) {
	for rule, rec := range map[string]store.Record{
		"metadata of others":   {ID: "5", Metadata: map[string]string{"jeton.token": "rubbish"}},
		"no metadata":          {ID: "5"},
		"no place":             {ID: "x"},
		"a place that is none": {ID: "1024", Metadata: map[string]string{"jeton.token": strings.Repeat("A", 75)}},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1024)
				p := w.login("ann")
				for subject, err := range store.Subjects(t.Context(), w.store.TokenStore) {
					check(t, err)
					if subject != p.Session.Subject {
						rec.Subject = subject
					}
				}
				rec.Link, rec.ExpiresAt = store.NewLink(), time.Now().Add(time.Hour)
				_, err := w.store.Issue(t.Context(), store.IssueRequest{Record: rec})
				if errors.Is(err, store.ErrExists) { // it is the login's, and the next one is nobody's
					rec.ID = "6"
					_, err = w.store.Issue(t.Context(), store.IssueRequest{Record: rec})
				}
				check(t, err)
				if _, err := w.publisher.Token(t.Context()); !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// Bad input, by the field that its error names.
func TestBadInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1024)
		places := func(uri string, size int, can *store.Capabilities) error {
			s := &brittle{TokenStore: w.store.TokenStore, can: can}
			_, err := statuslist.NewAllocator(s, uri, &statuslist.AllocatorOptions{Size: size})
			return err
		}
		publisher := func(o statuslist.PublisherOptions) error {
			_, err := statuslist.NewPublisher(w.places, w.view, w.key, issuerName, &o)
			return err
		}
		lists := func(o statuslist.ConsumerOptions) error {
			_, err := statuslist.NewConsumer([]statuslist.Source{{Issuer: issuerName, Keys: w.key.VerifyKey(), URI: listURI}}, &o)
			return err
		}
		source := func(s statuslist.Source) error {
			_, err := statuslist.NewConsumer([]statuslist.Source{s}, nil)
			return err
		}
		good := statuslist.Source{Issuer: issuerName, Keys: w.key.VerifyKey(), URI: listURI}
		of := func(change func(*statuslist.Source)) error { s := good; change(&s); return source(s) }
		_, noStore := statuslist.NewAllocator(nil, listURI, nil)
		_, noPlaces := statuslist.NewPublisher(nil, w.view, w.key, issuerName, nil)
		_, noView := statuslist.NewPublisher(w.places, nil, w.key, issuerName, nil)
		_, noKey := statuslist.NewPublisher(w.places, w.view, token.SigningKey{}, issuerName, nil)
		_, noIssuer := statuslist.NewPublisher(w.places, w.view, w.key, "", nil)
		_, noSources := statuslist.NewConsumer(nil, nil)
		_, noLists := statuslist.Check[statuslist.Claims](nil, nil).MaxTokenLife()
		_, nextBad := statuslist.Check[statuslist.Claims](w.lists, token.Sessions(nil)).MaxTokenLife()
		for _, c := range []struct {
			rule  string
			err   error
			field string // empty: no error
		}{
			{"an allocator", places(listURI, 4096, nil), ""},
			{"no store", noStore, "s"},
			{"a store that may evict", places(listURI, 0, &store.Capabilities{MaxTokenLife: time.Hour}), "s"},
			{"a store of unknown lives", places(listURI, 0, &store.Capabilities{NeverEvicts: true}), "s"},
			{"a relative uri", places("/status/1", 0, nil), "uri"},
			{"a uri with a user", places("https://a:b@issuer.example/", 0, nil), "uri"},
			{"a uri with a fragment", places(listURI+"#x", 0, nil), "uri"},
			{"a long uri", places("https://issuer.example/"+strings.Repeat("a", 200), 0, nil), "uri"},
			{"a size that is no multiple", places(listURI, 1500, nil), "AllocatorOptions.Size"},
			{"a negative size", places(listURI, -1024, nil), "AllocatorOptions.Size"},
			{"a size too large", places(listURI, statuslist.MaxSize+1024, nil), "AllocatorOptions.Size"},
			{"no places", noPlaces, "places"},
			{"no view", noView, "view"},
			{"no key", noKey, "key"},
			{"no issuer", noIssuer, "issuer"},
			{"three bits", publisher(statuslist.PublisherOptions{Bits: 3}), "PublisherOptions.Bits"},
			{"a short interval", publisher(statuslist.PublisherOptions{Interval: time.Millisecond}), "PublisherOptions.Interval"},
			{"a negative ttl", publisher(statuslist.PublisherOptions{TTL: -1}), "PublisherOptions.TTL"},
			{"an end before the ttl", publisher(statuslist.PublisherOptions{TTL: time.Minute, MaxAge: time.Minute}), "PublisherOptions.MaxAge"},
			{"8 bits, an hour", publisher(statuslist.PublisherOptions{Bits: 8, TTL: time.Hour}), ""},
			{"a consumer", lists(statuslist.ConsumerOptions{}), ""},
			{"no sources", noSources, "sources"},
			{"no source's issuer", of(func(s *statuslist.Source) { s.Issuer = "" }), "sources[0].Issuer"},
			{"no source's keys", of(func(s *statuslist.Source) { s.Keys = nil }), "sources[0].Keys"},
			{"a source without TLS", of(func(s *statuslist.Source) { s.URI = "http://issuer.example/" }), "sources[0].URI"},
			{"a source on this machine", of(func(s *statuslist.Source) { s.URI = "http://127.0.0.1:8080/" }), ""},
			{"a source with dots", of(func(s *statuslist.Source) { s.URI = "https://issuer.example/a/../" }), "sources[0].URI"},
			{"a long timeout", lists(statuslist.ConsumerOptions{Timeout: time.Hour}), "ConsumerOptions.Timeout"},
			{"a negative MaxBytes", lists(statuslist.ConsumerOptions{MaxBytes: -1}), "ConsumerOptions.MaxBytes"},
			{"a huge MaxInflated", lists(statuslist.ConsumerOptions{MaxInflated: 1 << 30}), "ConsumerOptions.MaxInflated"},
			{"a negative MaxLists", lists(statuslist.ConsumerOptions{MaxLists: -1}), "ConsumerOptions.MaxLists"},
			{"a large leeway", lists(statuslist.ConsumerOptions{Leeway: time.Hour}), "ConsumerOptions.Leeway"},
			{"a short TTL", lists(statuslist.ConsumerOptions{TTL: 1}), "ConsumerOptions.TTL"},
			{"a token life of nothing", lists(statuslist.ConsumerOptions{MaxTokenLife: -1}), "ConsumerOptions.MaxTokenLife"},
			{"a checker without lists", noLists, "Check"},
			{"a checker before a bad one", nextBad, "Check"},
		} {
			var bad *store.FieldError
			switch {
			case c.field == "" && c.err != nil:
				t.Errorf("%s: %v", c.rule, c.err)
			case c.field != "" && (!errors.As(c.err, &bad) || bad.Field != c.field):
				t.Errorf("%s: %v, want a FieldError of %s", c.rule, c.err, c.field)
			}
		}
	})
}
