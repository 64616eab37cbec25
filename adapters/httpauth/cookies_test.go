package httpauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func TestCookies(t *testing.T) {
	f := newFixture(t)
	pair := f.login(t, "ann")
	for _, c := range []struct {
		rule            string
		o               *httpauth.CookieOptions
		access, refresh string // the attributes
	}{
		{
			"safe by default", nil,
			"__Host-access; Path=/; HttpOnly; Secure; SameSite=Lax", "__Host-refresh; Path=/; HttpOnly; Secure; SameSite=Lax",
		},
		{
			"a path for the refresh token", &httpauth.CookieOptions{RefreshPath: "/refresh", SameSite: http.SameSiteStrictMode},
			"__Host-access; Path=/; HttpOnly; Secure; SameSite=Strict",
			"__Secure-refresh; Path=/refresh; HttpOnly; Secure; SameSite=Strict",
		},
		{
			"without TLS", &httpauth.CookieOptions{Insecure: true, Access: "a"},
			"a; Path=/; HttpOnly; SameSite=Lax", "refresh; Path=/; HttpOnly; SameSite=Lax",
		},
		{
			"within other pages", &httpauth.CookieOptions{SameSite: http.SameSiteNoneMode},
			"__Host-access; Path=/; HttpOnly; Secure; SameSite=None",
			"__Host-refresh; Path=/; HttpOnly; Secure; SameSite=None",
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			cookies := must(httpauth.NewCookies(c.o))(t)
			m := f.middleware(t, &httpauth.Options{Lookups: []httpauth.Lookup{cookies.Lookup()}})
			w := httptest.NewRecorder()
			check(t, cookies.Set(w, pair))
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Error("caches may keep the tokens")
			}
			set := w.Result().Cookies()
			if len(set) != 2 || set[0].Value != pair.Access.Reveal() || set[1].Value != pair.Refresh.Reveal() ||
				!set[0].Expires.Equal(pair.AccessExpiresAt) || !set[1].Expires.Equal(pair.Session.ExpiresAt.Truncate(1e9)) {
				t.Fatalf("the cookies are %v", set)
			}
			for n, want := range []string{c.access, c.refresh} {
				if got := attributes(set[n]); got != want {
					t.Errorf("cookie %d is %s, want %s", n, got, want)
				}
			}
			r := httptest.NewRequest(http.MethodPost, "/refresh", nil)
			r.AddCookie(set[0])
			r.AddCookie(set[1])
			if tok, err := m.Authenticate(r); err != nil || tok.Subject().Name != "ann" {
				t.Errorf("the cookie opens nothing: %v", err)
			}
			if raw, err := cookies.Refresh(m, r); err != nil || raw != pair.Refresh.Reveal() {
				t.Errorf("the refresh token is lost: %v", err)
			}
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if raw, err := cookies.Refresh(m, r); !errors.Is(err, httpauth.ErrCrossOrigin) || raw != "" {
				t.Errorf("another site refreshes: %v", err)
			}
			w = httptest.NewRecorder()
			cookies.Clear(w)
			for n, cookie := range w.Result().Cookies() {
				if cookie.MaxAge != -1 || cookie.Value != "" || attributes(cookie) != []string{c.access, c.refresh}[n] {
					t.Errorf("cookie %d stays: %v", n, cookie)
				}
			}
		})
	}
}

// attributes are a cookie's name and what it says, but its value and end.
func attributes(c *http.Cookie) string {
	kept := []string{c.Name}
	for _, attribute := range strings.Split(c.Raw, "; ")[1:] {
		if name, _, _ := strings.Cut(attribute, "="); name != "Expires" && name != "Max-Age" {
			kept = append(kept, attribute)
		}
	}
	return strings.Join(kept, "; ")
}

func TestCookiesWithoutTokens(t *testing.T) {
	m, cookies := newFixture(t).middleware(t, nil), must(httpauth.NewCookies(nil))(t)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	if _, err := cookies.Refresh(m, r); !errors.Is(err, httpauth.ErrNoToken) {
		t.Errorf("no cookie: %v", err)
	}
	r.Header.Set("Cookie", "__Host-refresh=a; __Host-refresh=b")
	if _, err := cookies.Refresh(m, r); !errors.Is(err, httpauth.ErrTwoTokens) {
		t.Errorf("two cookies: %v", err)
	}
	w := httptest.NewRecorder()
	check(t, cookies.Set(w, token.Pair{}))
	for _, cookie := range w.Result().Cookies() {
		if cookie.MaxAge != -1 {
			t.Errorf("an empty token is set: %v", cookie)
		}
	}
}

// A browser would drop the cookie without a word, and the user would be logged out.
func TestCookiesHaveALimit(t *testing.T) {
	f := newFixture(t)
	cookies := must(httpauth.NewCookies(nil))(t)
	at := func(bytes int) error {
		o := token.LoginOptions{Claims: map[string]string{"x": strings.Repeat("x", bytes)}}
		w := httptest.NewRecorder()
		err := cookies.Set(w, must(f.issuer.Login(t.Context(), store.User("ann"), o))(t))
		if err != nil && len(w.Header()) != 0 {
			t.Error("one cookie was set")
		}
		return err
	}
	var field *store.FieldError
	if err := at(4000); !errors.As(err, &field) || field.Field != "Pair.Access" {
		t.Errorf("got %v", err)
	}
	check(t, at(2500))
}

func TestNewCookiesRefusesBadInput(t *testing.T) {
	for _, c := range []struct {
		field string
		o     httpauth.CookieOptions
	}{
		{"CookieOptions.Access", httpauth.CookieOptions{Access: "a b"}},
		{"CookieOptions.Refresh", httpauth.CookieOptions{Refresh: "a;b"}},
		{"CookieOptions.Access", httpauth.CookieOptions{Access: "__Host-a", Insecure: true}},
		{"CookieOptions.Refresh", httpauth.CookieOptions{Refresh: "__secure-a", Insecure: true}},
		{"CookieOptions.Refresh", httpauth.CookieOptions{Refresh: "__Host-a", RefreshPath: "/x"}},
		{"CookieOptions.Refresh", httpauth.CookieOptions{Access: "a", Refresh: "a"}},
		{"CookieOptions.RefreshPath", httpauth.CookieOptions{RefreshPath: "/a;b"}},
		{"CookieOptions.RefreshPath", httpauth.CookieOptions{RefreshPath: "/é"}},
		{"CookieOptions.SameSite", httpauth.CookieOptions{SameSite: http.SameSiteDefaultMode}},
		{"CookieOptions.SameSite", httpauth.CookieOptions{SameSite: http.SameSiteNoneMode, Insecure: true}},
		{"CookieOptions.RefreshPath", httpauth.CookieOptions{RefreshPath: "x"}},
	} {
		var field *store.FieldError
		if cookies, err := httpauth.NewCookies(&c.o); !errors.As(err, &field) || field.Field != c.field || cookies != nil {
			t.Errorf("%+v: got %v", c.o, err)
		}
	}
}
