package endpoints_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/token"
)

// TestForms: what every endpoint of forms refuses before it looks at anything. Secrets in a URL would stand in logs.
func TestForms(t *testing.T) {
	k := newKit(t, nil)
	logout := must(endpoints.NewBackChannelLogout(k.logoutVerifier(nil), k.revoker, k.store, &endpoints.BackChannelOptions{Answers: k.answers()}))
	for name, h := range map[string]http.Handler{
		"token": k.token(endpoints.TokenOptions{}), "revocation": k.revocation(endpoints.RevocationOptions{}),
		"introspection": k.introspection(endpoints.IntrospectionOptions{}), "logout": logout,
	} {
		s := serve(t, h)
		raw := k.login(ann).Refresh.Reveal()
		good := f("token", raw, "grant_type", "refresh_token", "refresh_token", raw, "logout_token", raw)
		for _, c := range []struct {
			name   string
			body   string
			change change
			status int
		}{
			{"GET", "", func(r *http.Request) { r.Method = http.MethodGet }, 405},
			{"PUT", good, func(r *http.Request) { r.Method = http.MethodPut }, 405},
			{"JSON", `{"token":"x"}`, header("Content-Type", "application/json"), 400},
			{"no type", good, header("Content-Type", ""), 400},
			{"a type that does not read", good, header("Content-Type", "application/x-www-form-urlencoded; charset"), 400},
			{"multipart", good, header("Content-Type", "multipart/form-data; boundary=x"), 400},
			{"a body over the cap", good + "&x=" + strings.Repeat("x", 32<<10), asWeb, 413},
			{"a bad escape", "token=%zz&logout_token=%zz", asWeb, 400},
			{"a semicolon", good + ";x=1", asWeb, 400},
			{"no parameters", "", asWeb, 400},
			{"a token in the URL", good, query("token=x&refresh_token=x&logout_token=x"), 400},
			{"a token in the URL, behind an empty one", good, query("token=&token=x&refresh_token=&refresh_token=x&logout_token=&logout_token=x"), 400},
			{"a secret in the URL", good, query("client_secret=x"), 400},
			{"a client in the URL", good, query("client_id=x"), 400},
			{"a token in a URL that does not quite read", good, query("%zz&token=x&refresh_token=x&logout_token=x"), 400},
		} {
			t.Run(name+": "+c.name, func(t *testing.T) {
				code := "invalid_request"
				got := post(t, s, c.body, c.change)
				if c.status == 400 && c.name != "no parameters" || c.status != 400 {
					wantOAuth(t, got, c.status, code)
				} else if got.status != 400 {
					t.Errorf("it answers %d", got.status)
				}
				if c.status == 405 && got.header.Get("Allow") != "POST" {
					t.Errorf("Allow %q", got.header.Get("Allow"))
				}
			})
		}
		t.Run(name+": no JSONP, no CORS", func(t *testing.T) {
			got := post(t, s, good, query("callback=evil"), header("Origin", "https://evil.test"), asWeb)
			if strings.Contains(got.body, "evil") || got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("it answers %s", got.body)
			}
			got = post(t, s, good, func(r *http.Request) { r.Method = http.MethodOptions }, header("Origin", "https://evil.test"))
			wantOAuth(t, got, 405, "invalid_request")
		})
	}
}

func query(text string) change {
	return func(r *http.Request) {
		asWeb(r)
		r.URL.RawQuery = text
	}
}

// FuzzForm: no body, query or type makes an endpoint panic, answer anything but a known status, or echo what was sent; and a
// token that is accepted stood in the body once.
func FuzzForm(f *testing.F) {
	k := newKit(f, nil)
	h := k.revocation(endpoints.RevocationOptions{})
	live := k.login(ann).Access.Reveal()
	f.Add("token="+live, "", "application/x-www-form-urlencoded", "Basic d2ViOng=")
	f.Add("token=a&token=b", "token=c", "application/x-www-form-urlencoded; charset=utf-8", "")
	f.Add("client_id=web&client_secret=%zz;", "%", "text/plain", "Basic")
	f.Add("token=%00&token_type_hint=\xff", "x=1", "application/x-www-form-urlencoded", "basic Og==")
	known := []int{200, 400, 401, 413}
	f.Fuzz(func(t *testing.T, body, rawQuery, kind, authorization string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = rawQuery
		r.Header["Content-Type"], r.Header["Authorization"] = []string{kind}, []string{authorization}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !slices.Contains(known, w.Code) {
			t.Fatalf("it answers %d %s", w.Code, w.Body)
		}
		values, err := url.ParseQuery(body)
		if w.Code == 200 && (err != nil || len(values["token"]) != 1) {
			t.Errorf("it takes %q", body)
		}
		for _, value := range values {
			if len(value[0]) > 20 && strings.Contains(w.Body.String(), value[0]) {
				t.Errorf("it echoes %q", value[0])
			}
		}
	})
}

// TestFailuresHoldNoSecret: what Failed is told, for logs, has neither the token nor the secret, however wrong they are.
func TestFailuresHoldNoSecret(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, k.revocation(endpoints.RevocationOptions{}))
	p := k.login(ann)
	secrets := []string{p.Access.Reveal(), p.Refresh.Reveal(), webSecret, "hunter2hunter2hunter2"}
	post(t, s, f("token", p.Access.Reveal()), basic("web", "hunter2hunter2hunter2"))
	post(t, s, f("token", p.Access.Reveal(), "token", p.Refresh.Reveal()), asWeb)
	post(t, s, "token="+p.Access.Reveal()+"&%zzhunter2hunter2hunter2", asWeb)
	post(t, s, f("token", p.Access.Reveal()), asAPI)
	if len(k.failed) != 4 {
		t.Errorf("it was told of %d failures", len(k.failed))
	}
	for _, told := range k.failed {
		for _, secret := range secrets {
			if strings.Contains(told.Error(), secret) {
				t.Errorf("it was told %v", told)
			}
		}
	}
	if !k.alive(p.Access.Reveal()) || token.Code(k.failed[0]) != "" {
		t.Error("a refused request revoked")
	}
}
