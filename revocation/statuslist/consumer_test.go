package statuslist_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
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

type m = map[string]any

func signingKey(t testing.TB, kid string) token.SigningKey {
	t.Helper()
	return must(token.HS256(kid, []byte("0123456789abcdef0123456789abcdef")))(t)
}

// claims are a good list's: place 0 is revoked, 1 is not; 16 places.
func claims(over m) m {
	now := time.Now().Unix()
	out := m{
		"iss": issuerName, "sub": listURI, "iat": now, "exp": now + 600, "ttl": 60,
		"status_list": m{"bits": 1, "lst": "eNrbuRgAAhcBXQ"},
	}
	for name, value := range over {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

func signed(t testing.TB, over m) string {
	t.Helper()
	return must(token.SignClaims(signingKey(t, "k1"), "statuslist+jwt", claims(over)))(t)
}

// answer serves one text as a list.
func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", statuslist.MediaType)
		_, _ = io.WriteString(w, text)
	}
}

func consumer(t testing.TB, n *network, o statuslist.ConsumerOptions) *statuslist.Consumer {
	t.Helper()
	o.Transport = n
	return must(statuslist.NewConsumer([]statuslist.Source{{
		Issuer: issuerName, Keys: signingKey(t, "k1").VerifyKey(), URI: "https://issuer.example/status/",
	}}, &o))(t)
}

// Each case is a good list with one thing changed. None of the bad ones ever says anything about a token.
func TestHostileAnswers(t *testing.T) {
	zipped := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", statuslist.MediaType)
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, text)
			_ = z.Close()
		}
	}
	for _, c := range []struct {
		rule    string
		handler func(t *testing.T) http.Handler
		want    string // what the error says; empty: the list is good
	}{
		{"good", func(t *testing.T) http.Handler { return answer(signed(t, nil)) }, ""},
		{"without iss", func(t *testing.T) http.Handler { return answer(signed(t, m{"iss": nil})) }, ""},
		{"without exp and ttl", func(t *testing.T) http.Handler { return answer(signed(t, m{"exp": nil, "ttl": nil})) }, ""},
		{"a ttl with a fraction", func(t *testing.T) http.Handler { return answer(signed(t, m{"ttl": 0.5})) }, ""},
		{"a ttl of ages", func(t *testing.T) http.Handler { return answer(signed(t, m{"ttl": 1e300})) }, ""},
		{"claims that nobody knows", func(t *testing.T) http.Handler { return answer(signed(t, m{"x": m{"y": 1}})) }, ""},
		{"another iss", func(t *testing.T) http.Handler { return answer(signed(t, m{"iss": "https://else.example"})) }, "another issuer"},
		{"another list's", func(t *testing.T) http.Handler { return answer(signed(t, m{"sub": listURI + "2"})) }, "another uri"},
		{"no sub", func(t *testing.T) http.Handler { return answer(signed(t, m{"sub": nil})) }, "another uri"},
		{"no iat", func(t *testing.T) http.Handler { return answer(signed(t, m{"iat": nil})) }, "iat is missing"},
		{"from the future", func(t *testing.T) http.Handler { return answer(signed(t, m{"iat": time.Now().Unix() + 31})) }, "in the future"},
		{"from the far future", func(t *testing.T) http.Handler { return answer(signed(t, m{"iat": int64(9e18)})) }, "no time"},
		{"expired", func(t *testing.T) http.Handler { return answer(signed(t, m{"exp": time.Now().Unix()})) }, "expired"},
		{"exp 0", func(t *testing.T) http.Handler { return answer(signed(t, m{"exp": 0})) }, "exp is no time"},
		{"an exp as text", func(t *testing.T) http.Handler { return answer(signed(t, m{"exp": "9999999999"})) }, "malformed"},
		{"ttl 0", func(t *testing.T) http.Handler { return answer(signed(t, m{"ttl": 0})) }, "ttl"},
		{"a negative ttl", func(t *testing.T) http.Handler { return answer(signed(t, m{"ttl": -1})) }, "ttl"},
		{"no list", func(t *testing.T) http.Handler { return answer(signed(t, m{"status_list": nil})) }, "status_list is missing"},
		{"three bits", func(t *testing.T) http.Handler {
			return answer(signed(t, m{"status_list": m{"bits": 3, "lst": "eNrbuRgAAhcBXQ"}}))
		}, "does not decode"},
		{"no bits", func(t *testing.T) http.Handler {
			return answer(signed(t, m{"status_list": m{"lst": "eNrbuRgAAhcBXQ"}}))
		}, "does not decode"},
		{"a bomb", func(t *testing.T) http.Handler {
			return answer(signed(t, m{"status_list": m{"bits": 1, "lst": b64(pack(t, make([]byte, 2*mib)))}}))
		}, "does not decode"},
		{"another type", func(t *testing.T) http.Handler {
			return answer(must(token.SignClaims(signingKey(t, "k1"), "else+jwt", claims(nil)))(t))
		}, "type"},
		{"another kid", func(t *testing.T) http.Handler {
			return answer(must(token.SignClaims(signingKey(t, "k2"), "statuslist+jwt", claims(nil)))(t))
		}, "key"},
		{"a changed signature", func(t *testing.T) http.Handler {
			raw := signed(t, nil)
			return answer(raw[:len(raw)-8] + "AAAAAAAA")
		}, "signature"},
		{"no JWT", func(*testing.T) http.Handler { return answer("hello") }, "malformed"},
		{"nothing", func(*testing.T) http.Handler { return answer("") }, "malformed"},
		{"a line break behind it", func(t *testing.T) http.Handler { return answer(signed(t, nil) + "\n") }, "malformed"},
		{"too long", func(*testing.T) http.Handler { return answer(strings.Repeat("a", 64<<10+1)) }, "longer than"},
		{"of another media type", func(t *testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jwt")
				_, _ = io.WriteString(w, signed(t, nil))
			})
		}, "media type"},
		{"zipped though nobody asked", func(t *testing.T) http.Handler { return zipped(signed(t, nil)) }, "malformed"},
		{"not found", func(*testing.T) http.Handler { return http.NotFoundHandler() }, "status 404"},
		{"not changed, though nobody had it", func(*testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
		}, "status 304"},
		{"elsewhere", func(t *testing.T) http.Handler { return redirect(t, "https://inner.example/status/1") }, "redirects"},
		{"on another port", func(t *testing.T) http.Handler { return redirect(t, "https://issuer.example:444/status/1") }, "redirects"},
		{"without TLS", func(t *testing.T) http.Handler { return redirect(t, "http://issuer.example/status/1?x") }, "redirects"},
		{"with a user", func(t *testing.T) http.Handler { return redirect(t, "https://a:b@issuer.example/status/1?x") }, "redirects"},
		{"round in circles", func(*testing.T) http.Handler { return http.RedirectHandler("/status/1", http.StatusFound) }, "redirects"},
		{"elsewhere on the host", func(t *testing.T) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/status/1", http.RedirectHandler("/lists/1", http.StatusFound))
			mux.Handle("/lists/1", answer(signed(t, nil)))
			return mux
		}, ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{handler: c.handler(t)}
				lists := consumer(t, n, statuslist.ConsumerOptions{MaxBytes: 64 << 10, MaxInflated: mib})
				revoked, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI})
				good, err2 := lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 1})
				if c.want == "" {
					if err != nil || err2 != nil || revoked != statuslist.Invalid || good != statuslist.Valid {
						t.Fatalf("%v %v, %v %v", revoked, err, good, err2)
					}
					if _, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 16}); !errors.Is(err, statuslist.ErrIndex) {
						t.Errorf("behind the end: %v", err)
					}
					return
				}
				var fetch *statuslist.FetchError
				if !errors.As(err, &fetch) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || err2 == nil {
					t.Errorf("%v, %v", err, err2)
				}
				if revoked == statuslist.Valid || good == statuslist.Valid {
					t.Error("the status beside the error is valid")
				}
			})
		})
	}
}

// redirect leads from the list's uri to another, where a good list is.
func redirect(t *testing.T, to string) http.Handler {
	good := answer(signed(t, nil))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() == listURI {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		good(w, r)
	})
}

// Nothing but what a source names is ever asked for.
func TestUntrusted(t *testing.T) {
	n := &network{handler: answer("")}
	lists := consumer(t, n, statuslist.ConsumerOptions{})
	for _, uri := range []string{
		"", "x", "https://issuer.example", "https://issuer.example/", "https://issuer.example/status", "https://issuer.example/statusx/1",
		"http://issuer.example/status/1", "https://issuer.example:444/status/1", "https://issuer.example.evil.example/status/1",
		"https://a@issuer.example/status/1", "https://issuer.example/status/../admin", "https://issuer.example/status/%2e%2e/admin",
		"https://issuer.example/status/%2e%2e%2fadmin", "https://issuer.example/status/a\\..\\b", "https://issuer.example/status/./1",
		"https://issuer.example/status/1?x=y", "https://issuer.example/status/1?", "https://issuer.example/status/1#x",
		"HTTPS://issuer.example/status/1", "https://issuer.example/status/\n1", "https://issuer.example/status/%00",
		"https://issuer.example/status/" + strings.Repeat("a", 2048), "file:///etc/passwd", "https:issuer.example/status/1",
	} {
		if s, err := lists.Status(t.Context(), statuslist.Reference{URI: uri}); !errors.Is(err, statuslist.ErrUntrusted) || s == statuslist.Valid {
			t.Errorf("%q: %v, %v", uri, s, err)
		}
	}
	if n.count() != 0 {
		t.Errorf("%d requests were made", n.count())
	}
}

// A source of one list is that list alone.
func TestOneList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{handler: answer(signed(t, nil))}
		lists := must(statuslist.NewConsumer([]statuslist.Source{{Issuer: issuerName, Keys: signingKey(t, "k1").VerifyKey(), URI: listURI}},
			&statuslist.ConsumerOptions{Transport: n}))(t)
		if _, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI}); err != nil {
			t.Error(err)
		}
		if _, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI + "/2"}); !errors.Is(err, statuslist.ErrUntrusted) {
			t.Error(err)
		}
	})
}

// TestCaching holds a consumer to when it asks, whatever the headers say.
func TestCaching(t *testing.T) {
	ask := func(t *testing.T, lists *statuslist.Consumer) error {
		t.Helper()
		_, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 1})
		return err
	}
	type step struct {
		after time.Duration
		down  bool
		asked int  // in all
		ok    bool // whether there is an answer
	}
	for _, c := range []struct {
		rule  string
		over  m
		steps []step
	}{
		{"until the ttl, and then again", nil, []step{{0, false, 1, true}, {59 * time.Second, false, 1, true}, {time.Second, false, 2, true}}},
		{"until exp where that is before the ttl", m{"exp": int64(946684800 + 30)}, []step{
			{0, false, 1, true}, {29 * time.Second, false, 1, true}, {time.Second, true, 2, false},
		}},
		{"until exp where there is no ttl", m{"ttl": nil}, []step{{0, false, 1, true}, {599 * time.Second, false, 1, true}, {time.Second, true, 2, false}}},
		{"a minute where there is neither, and not longer", m{"ttl": nil, "exp": nil}, []step{
			{0, false, 1, true}, {59 * time.Second, true, 1, true}, {time.Second, true, 2, false},
		}},
		{"without exp not beyond the ttl", m{"exp": nil}, []step{{0, false, 1, true}, {time.Minute, true, 2, false}}},
		{"while it cannot be had until exp, asked for once a second", nil, []step{
			{0, false, 1, true},
			{time.Minute, true, 2, true},
			{999 * time.Millisecond, true, 2, true},
			{time.Millisecond, true, 3, true},
			{538 * time.Second, true, 4, true},
			{time.Second, true, 5, false},
			{0, true, 5, false},
		}},
		{"a ttl of ages is a day", m{"ttl": 1e12, "exp": nil}, []step{{0, false, 1, true}, {24*time.Hour - time.Second, true, 1, true}, {time.Second, true, 2, false}}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := answer(signed(t, c.over))
				n := &network{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Control", "no-store, max-age=0") // of no account
					list(w, r)
				})}
				lists := consumer(t, n, statuslist.ConsumerOptions{})
				for at, s := range c.steps {
					time.Sleep(s.after)
					n.fail(map[bool]error{true: errors.New("no route")}[s.down])
					if err := ask(t, lists); (err == nil) != s.ok || n.count() != s.asked {
						t.Fatalf("step %d: %v, asked %d times, want %d", at, err, n.count(), s.asked)
					}
				}
			})
		})
	}
}

// An answer of 304 is worth as much as the list, and an expired list is asked for whole.
func TestConditional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		raw := signed(t, nil)
		var sent []string
		n := &network{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent = append(sent, r.Header.Get("If-None-Match"))
			w.Header().Set("ETag", `"one"`)
			if r.Header.Get("If-None-Match") == `"one"` {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			answer(raw)(w, r)
		})}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		for range 11 {
			must(lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 1}))(t)
			must(lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 1}))(t)
			if len(sent) == 10 {
				break
			}
			time.Sleep(time.Minute)
		}
		if got := fmt.Sprint(sent); got != `[ "one" "one" "one" "one" "one" "one" "one" "one" "one"]` {
			t.Errorf("%s", got)
		}
		time.Sleep(time.Minute) // exp: 304 does not lengthen it
		if _, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 1}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the list was expired: %v", err)
		}
		if sent[len(sent)-1] != "" {
			t.Errorf("an expired list was asked for with %q", sent[len(sent)-1])
		}
	})
}

// A list made before the one that is kept is not taken: whoever sits between could bring a revoked token back with it.
func TestRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := signed(t, m{"status_list": m{"bits": 1, "lst": b64(pack(t, make([]byte, 2)))}})
		time.Sleep(time.Second)
		n := &network{handler: answer(signed(t, nil))}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		want := func() {
			t.Helper()
			if s, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI}); s != statuslist.Invalid || err != nil {
				t.Errorf("%v, %v", s, err)
			}
		}
		want()
		n.serve(answer(old))
		time.Sleep(time.Minute)
		want()
		if n.count() != 2 {
			t.Errorf("asked %d times", n.count())
		}
	})
}

// A worse answer does not take the place of a good list.
func TestAGoodListStays(t *testing.T) {
	for rule, worse := range map[string]func(t *testing.T) http.Handler{
		"expired": func(t *testing.T) http.Handler { return answer(signed(t, m{"exp": time.Now().Unix()})) },
		"forged":  func(t *testing.T) http.Handler { return answer(signed(t, m{"iss": "https://else.example"})) },
		"unasked 304": func(*testing.T) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
		},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{handler: answer(signed(t, nil))}
				lists := consumer(t, n, statuslist.ConsumerOptions{})
				for asked := 1; asked < 4; asked++ {
					if s, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI}); s != statuslist.Invalid || err != nil || n.count() != asked {
						t.Fatalf("%v, %v, asked %d times, want %d", s, err, n.count(), asked)
					}
					time.Sleep(map[bool]time.Duration{true: time.Minute, false: time.Second}[asked == 1]) // a failure counts for a second
					n.serve(worse(t))
				}
			})
		})
	}
}

// Several publishers sign at different times. An older list that says the same is no failure, and lengthens nothing.
func TestSeveralPublishers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := signed(t, m{"exp": time.Now().Unix() + 3600})
		time.Sleep(time.Second)
		n := &network{handler: answer(signed(t, nil))}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		ask := func(asked int) {
			t.Helper()
			if s, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI}); s != statuslist.Invalid || err != nil || n.count() != asked {
				t.Errorf("%v, %v, asked %d times, want %d", s, err, n.count(), asked)
			}
		}
		ask(1)
		n.serve(answer(other))
		time.Sleep(time.Minute)
		ask(2)
		time.Sleep(59 * time.Second)
		ask(2)
		n.fail(errors.New("no route"))
		time.Sleep(481 * time.Second) // to the end of the list that is kept
		if _, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

// Many who ask at once share one fetch, and one who gives up leaves it to the others.
func TestOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := answer(signed(t, nil))
		n := &network{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			list(w, r)
		})}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		gone, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := lists.Status(gone, statuslist.Reference{URI: listURI, Index: 1}); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			all.Go(func() {
				if s, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI, Index: 1}); s != statuslist.Valid || err != nil {
					t.Errorf("%v, %v", s, err)
				}
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		if n.count() != 1 {
			t.Errorf("asked %d times", n.count())
		}
	})
}

// More lists than may be kept are an outage, until one of them is over.
func TestMaxLists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(signed(t, m{"sub": r.URL.String()}))(w, r)
		})}
		lists := consumer(t, n, statuslist.ConsumerOptions{MaxLists: 2})
		ask := func(name string) error {
			_, err := lists.Status(t.Context(), statuslist.Reference{URI: "https://issuer.example/status/" + name, Index: 1})
			return err
		}
		for _, name := range []string{"1", "2", "1"} {
			if err := ask(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := ask("3"); !errors.Is(err, store.ErrUnavailable) || n.count() != 2 {
			t.Errorf("%v", err)
		}
		time.Sleep(10 * time.Minute)
		if err := ask("3"); err != nil {
			t.Error(err)
		}
	})
}

// Over a real connection a list comes zipped, and is unpacked within its bound.
func TestOverHTTP(t *testing.T) {
	long := signed(t, m{"pad": strings.Repeat("a", 1<<20)})
	var coding string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		coding = r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Type", statuslist.MediaType)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		text := long
		if strings.HasSuffix(r.URL.Path, "/short") {
			text = signed(t, m{"sub": "https://" + r.Host + r.URL.Path})
		}
		_, _ = io.WriteString(z, text)
	}))
	defer server.Close()
	lists := must(statuslist.NewConsumer([]statuslist.Source{{Issuer: issuerName, Keys: signingKey(t, "k1").VerifyKey(), URI: server.URL + "/"}},
		&statuslist.ConsumerOptions{Transport: server.Client().Transport, MaxBytes: 64 << 10}))(t)
	if s, err := lists.Status(t.Context(), statuslist.Reference{URI: server.URL + "/short", Index: 1}); s != statuslist.Valid || err != nil || coding != "gzip" {
		t.Errorf("%v, %v, asked with %q", s, err, coding)
	}
	if _, err := lists.Status(t.Context(), statuslist.Reference{URI: server.URL + "/long", Index: 1}); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("%v", err)
	}
}
