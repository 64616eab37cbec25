package endpoints_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/endpoints"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/storetest"
	"github.com/jetonkit/jeton/token"
)

// sessions is a server with both handlers.
func (k *kit) sessions(t *testing.T, o *httpauth.Options) *httptest.Server {
	t.Helper()
	auth := must(httpauth.New(k.verifier, o))
	shown := func(r store.Record) map[string]string { return map[string]string{"ip": r.Metadata["ip"]} }
	own := must(endpoints.NewSessions(auth, k.revoker, &endpoints.SessionsOptions{Metadata: shown}))
	admin := must(endpoints.NewAdminSessions(auth, k.revoker, "sessions:admin", &endpoints.SessionsOptions{
		Subject: func(r *http.Request, name string) (store.Subject, error) {
			if name == "gone" {
				return store.Subject{}, errors.New("the directory is down")
			}
			return store.Subject{Realm: r.URL.Query().Get("realm"), Name: name}, nil
		},
	}))
	mux := http.NewServeMux()
	mux.Handle("/sessions", own)
	mux.Handle("/sessions/", own)
	mux.Handle("/users/", admin)
	return serve(t, mux)
}

func bearer(raw string) change { return header("Authorization", "Bearer "+raw) }

// list returns the sessions that a server shows, by id.
func list(t *testing.T, a answer) (ids []string, shown map[string]map[string]any) {
	t.Helper()
	wantOAuth(t, a, 200, "")
	shown = map[string]map[string]any{}
	all, ok := a.json(t)["sessions"].([]any)
	if !ok {
		t.Fatalf("no list: %s", a.body)
	}
	for _, one := range all {
		s, _ := one.(map[string]any)
		id, _ := s["id"].(string)
		ids, shown[id] = append(ids, id), s
	}
	return ids, shown
}

func TestSessions(t *testing.T) {
	k := newKit(t, nil)
	s := k.sessions(t, nil)
	laptop, phone, tablet, bobs := k.login(ann), k.login(ann), k.login(ann), k.login(bob)
	me := bearer(laptop.Access.Reveal())
	ids, shown := list(t, get(t, s, "/sessions", me))
	if len(ids) != 3 {
		t.Errorf("it shows %v", ids)
	}
	for _, p := range []token.Pair{laptop, phone, tablet} {
		one := shown[p.Session.ID]
		metadata, _ := one["metadata"].(map[string]any)
		if one["current"] != (p.Session.ID == laptop.Session.ID) || one["class"] != "web" || metadata["ip"] != "192.0.2.1" || len(metadata) != 1 ||
			one["expires_at"] == nil || one["issued_at"] == nil || one["last_seen"] == nil {
			t.Errorf("it shows %v", one)
		}
	}
	del := func(path string, as change) answer { return get(t, s, path, as, method(http.MethodDelete)) }
	for name, id := range map[string]string{
		"somebody else's": bobs.Session.ID, "nobody's": store.NewID(), "too long": strings.Repeat("a", 300), "odd bytes": "%00%ff%2f..",
	} {
		wantOAuth(t, del("/sessions/"+id, me), 404, "not_found")
		if !k.alive(bobs.Access.Reveal()) {
			t.Fatalf("%s ended bob's session", name)
		}
	}
	wantOAuth(t, del("/sessions/"+phone.Session.ID, me), 204, "")
	if k.alive(phone.Access.Reveal()) || !k.alive(tablet.Access.Reveal()) || k.refreshes(phone.Refresh.Reveal()) {
		t.Error("one was to end")
	}
	wantOAuth(t, del("/sessions/"+phone.Session.ID, me), 404, "not_found")
	wantOAuth(t, del("/sessions/others", me), 204, "")
	if k.alive(tablet.Access.Reveal()) || !k.alive(laptop.Access.Reveal()) {
		t.Error("the others were to end")
	}
	again := k.login(ann)
	wantOAuth(t, del("/sessions", me), 204, "")
	if k.alive(again.Access.Reveal()) || k.alive(laptop.Access.Reveal()) || !k.alive(bobs.Access.Reveal()) {
		t.Error("all of ann's were to end")
	}
	for _, path := range []string{"/sessions", "/sessions/others", "/sessions/" + bobs.Session.ID} {
		if got := del(path, me); got.status != 401 || got.code(t) != "invalid_token" {
			t.Errorf("a dead token: %d %s", got.status, got.body)
		}
	}
	if got := get(t, s, "/sessions", me, method(http.MethodPost)); got.status != 405 {
		t.Errorf("POST answers %d", got.status)
	}
}

// TestSessionsOfManyPages: more sessions than a page of the store holds: an answer has no more, and each is found.
func TestSessionsOfManyPages(t *testing.T) {
	k := newKit(t, nil)
	s := k.sessions(t, nil)
	oldest := k.login(ann)
	k.clock.Advance(time.Second) // of one moment any may be the last
	var newest token.Pair
	for range store.MaxPage + 1 {
		newest = k.login(ann)
	}
	me := bearer(newest.Access.Reveal())
	first := get(t, s, "/sessions", me)
	next, _ := first.json(t)["next"].(string)
	last := get(t, s, "/sessions?cursor="+url.QueryEscape(next), me)
	ids, _ := list(t, first)
	more, _ := list(t, last)
	if len(ids) != store.MaxPage || slices.Contains(ids, oldest.Session.ID) || len(slices.Compact(slices.Sorted(slices.Values(append(ids, more...))))) != store.MaxPage+2 || last.json(t)["next"] != nil {
		t.Errorf("it shows %d, and behind %q %d", len(ids), next, len(more))
	}
	wantOAuth(t, get(t, s, "/sessions?cursor=x", me), 400, "invalid_request")
	wantOAuth(t, get(t, s, "/sessions/"+oldest.Session.ID, bearer(newest.Access.Reveal()), method(http.MethodDelete)), 204, "")
	if k.alive(oldest.Access.Reveal()) {
		t.Error("the oldest lives on")
	}
}

// TestSessionsWho: nobody without a token; no API key, which lists as other keys; no other issuer's token.
func TestSessionsWho(t *testing.T) {
	k := newKit(t, nil)
	s := k.sessions(t, nil)
	p := k.login(ann)
	key, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{Scopes: []string{"sessions:read"}})
	noErr(t, err)
	for _, path := range []string{"/sessions", "/sessions/others", "/sessions/" + p.Session.ID} {
		del := method(http.MethodDelete)
		if got := get(t, s, path, del); got.status != 401 || got.code(t) != "missing_token" || got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("nobody: %d %s", got.status, got.body)
		}
		wantOAuth(t, get(t, s, path, del, bearer(key.Reveal())), 403, "access_denied")
		wantOAuth(t, get(t, s, path, del, bearer(foreignAccess(k.clock.Now(), "ann", "s1"))), 403, "access_denied")
	}
	wantOAuth(t, get(t, s, "/sessions", bearer(key.Reveal())), 403, "access_denied")
	if !k.alive(p.Access.Reveal()) || !k.alive(key.Reveal()) {
		t.Error("a refused request ended something")
	}
}

func TestSessionsInAnOutage(t *testing.T) {
	for _, c := range []struct {
		verb   storetest.Verb
		method string
		path   string
	}{
		{storetest.VerbList, "GET", "/sessions"},
		{storetest.VerbList, "DELETE", "/sessions/" + store.NewID()},
		{storetest.VerbRevoke, "DELETE", "/sessions/others"},
		{storetest.VerbRevoke, "DELETE", "/sessions"},
		{storetest.VerbRevoke, "DELETE", "/sessions/mine"},
		{storetest.VerbLookup, "GET", "/sessions"},
		{storetest.VerbList, "GET", "/users/ann/sessions"},
		{storetest.VerbRevoke, "DELETE", "/users/ann/sessions"},
		{storetest.VerbRevoke, "DELETE", "/users/ann/sessions/mine"},
		{storetest.VerbPing, "DELETE", "/users/gone/sessions"},
	} {
		for _, err := range []error{store.ErrUnavailable, store.ErrInvalid, &store.FieldError{Field: "Page.Limit", Problem: "is ours"}} {
			k := newKit(t, func(o *token.IssuerOptions) {
				o.Claims = func(context.Context, store.Record) (any, error) {
					return map[string]any{"scope": "sessions:admin"}, nil
				}
			})
			s := k.sessions(t, nil)
			p := k.login(ann)
			k.store.Inject(storetest.Fault{Verb: c.verb, Err: err})
			got := get(t, s, strings.Replace(c.path, "mine", p.Session.ID, 1), bearer(p.Access.Reveal()), method(c.method))
			wantOAuth(t, got, 503, "temporarily_unavailable")
		}
	}
}

// TestSessionsThatEndMeanwhile: the session that asks has ended since its token was judged.
func TestSessionsThatEndMeanwhile(t *testing.T) {
	for _, err := range []error{store.ErrNotFound, store.ErrRevoked} {
		k := newKit(t, nil)
		s := k.sessions(t, nil)
		me := bearer(k.login(ann).Access.Reveal())
		k.store.Inject(storetest.Fault{Verb: storetest.VerbRevoke, Err: err})
		wantOAuth(t, get(t, s, "/sessions/others", me, method(http.MethodDelete)), 401, "invalid_token")
	}
}

// TestSessionsBehindAMiddleware: a token that was judged around the handler is not judged again, and its rules count.
func TestSessionsBehindAMiddleware(t *testing.T) {
	k := newKit(t, nil)
	auth := must(httpauth.New(k.verifier, nil))
	own := must(endpoints.NewSessions(auth, k.revoker, nil))
	p := k.login(ann)
	judged := must(k.verifier.Verify(t.Context(), p.Access.Reveal()))
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own.ServeHTTP(w, r.WithContext(httpauth.WithToken(r.Context(), judged)))
	}))
	ids, shown := list(t, get(t, s, "/sessions")) // from a cookie, for instance
	if len(ids) != 1 || shown[p.Session.ID]["metadata"] != nil {
		t.Errorf("it shows %v: no metadata was allowed", shown)
	}
}

// TestAdminSessions: any user's, for a token that names the scope and no other.
func TestAdminSessions(t *testing.T) {
	scope := "orders sessions:admin"
	k := newKit(t, func(o *token.IssuerOptions) {
		o.Claims = func(_ context.Context, r store.Record) (any, error) {
			if r.Subject == bob {
				return map[string]any{"scope": scope}, nil
			}
			return nil, nil
		}
	})
	s := k.sessions(t, &httpauth.Options{SessionsUnscoped: true})
	admin := bearer(k.login(bob).Access.Reveal())
	del := method(http.MethodDelete)
	one, two := k.login(ann), k.login(ann)
	ids, shown := list(t, get(t, s, "/users/ann/sessions", admin))
	if len(ids) != 2 || shown[one.Session.ID]["current"] != false {
		t.Errorf("it shows %v", shown)
	}
	wantOAuth(t, get(t, s, "/users/bob/sessions/"+one.Session.ID, admin, del), 404, "not_found")
	wantOAuth(t, get(t, s, "/users/ann/sessions/"+one.Session.ID, admin, del), 204, "")
	if k.alive(one.Access.Reveal()) || !k.alive(two.Access.Reveal()) {
		t.Error("one was to end")
	}
	wantOAuth(t, get(t, s, "/users/ann/sessions?realm=eu", admin, del), 204, "")
	if !k.alive(two.Access.Reveal()) {
		t.Error("another tenant's ann was meant")
	}
	wantOAuth(t, get(t, s, "/users/ann/sessions", admin, del), 204, "")
	if k.alive(two.Access.Reveal()) {
		t.Error("all were to end")
	}
	key, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{Scopes: []string{"sessions:admin"}})
	noErr(t, err)
	if ids, _ := list(t, get(t, s, "/users/nobody/sessions", bearer(key.Reveal()))); len(ids) != 0 {
		t.Errorf("nobody has %v", ids)
	}
	plain, other := k.login(ann).Access.Reveal(), k.mintScope("orders")
	for name, raw := range map[string]string{
		"SessionsUnscoped is for users, not for admins": plain, "another scope": other,
		"another issuer's": foreignScoped(k.clock.Now(), "sessions:admin"),
	} {
		got := get(t, s, "/users/bob/sessions", bearer(raw), del)
		wantForbidden(t, name, got)
	}
	if got := get(t, s, "/users/ann/sessions"); got.status != 401 {
		t.Errorf("nobody: %d", got.status)
	}
	wantOAuth(t, get(t, s, "/users/"+strings.Repeat("a", 300)+"/sessions", admin), 400, "invalid_request")
}

// wantForbidden is RFC 6750 §3.1: 403, and a challenge that names the scope.
func wantForbidden(t *testing.T, name string, a answer) {
	t.Helper()
	if a.status != 403 || a.code(t) != "insufficient_scope" || !strings.Contains(a.header.Get("WWW-Authenticate"), `scope="sessions:admin"`) {
		t.Errorf("%s: %d %s %s", name, a.status, a.body, a.header.Get("WWW-Authenticate"))
	}
}

// TestAdminSessionsOfTenants: an admin is one of the own tenant, unless SessionsOptions.Subject says otherwise: the same name
// elsewhere is somebody else, whose sessions are neither shown nor ended. The same for an API key that an admin made.
func TestAdminSessionsOfTenants(t *testing.T) {
	k := newKit(t, nil)
	s := serve(t, must(endpoints.NewAdminSessions(must(httpauth.New(k.verifier, nil)), k.revoker, "sessions:admin", nil)))
	realms := []string{"", "eu", "us"}
	del := method(http.MethodDelete)
	for _, realm := range realms {
		boss := store.Subject{Realm: realm, Name: "bob"}
		login := must(k.issuer.Login(t.Context(), boss, token.LoginOptions{Claims: map[string]any{"scope": "sessions:admin"}}))
		key, _, err := k.apiKeys.Create(t.Context(), boss, token.CreateOptions{Scopes: []string{"sessions:admin"}})
		noErr(t, err)
		for _, raw := range []string{login.Access.Reveal(), key.Reveal()} {
			anns := map[string]token.Pair{}
			for _, r := range realms {
				anns[r] = k.login(store.Subject{Realm: r, Name: "ann"})
			}
			ids, _ := list(t, get(t, s, "/users/ann/sessions", bearer(raw)))
			if len(ids) != 1 || ids[0] != anns[realm].Session.ID {
				t.Errorf("an admin of %q sees %v", realm, ids)
			}
			for _, r := range realms {
				want := map[bool]int{true: 204, false: 404}[r == realm]
				if got := get(t, s, "/users/ann/sessions/"+anns[r].Session.ID, bearer(raw), del); got.status != want {
					t.Errorf("an admin of %q ends a session of %q: %d", realm, r, got.status)
				}
			}
			wantOAuth(t, get(t, s, "/users/ann/sessions", bearer(raw), del), 204, "")
			for _, r := range realms {
				if alive := k.alive(anns[r].Access.Reveal()); alive != (r != realm) {
					t.Errorf("an admin of %q ended everything: ann of %q lives: %v", realm, r, alive)
				}
				noErr(t, k.revoker.Subject(t.Context(), store.Subject{Realm: r, Name: "ann"}, "the next round"))
			}
		}
	}
}

// TestAdminSessionsOfOddNames: whatever a user is called, the path says it.
func TestAdminSessionsOfOddNames(t *testing.T) {
	k := newKit(t, nil)
	s := k.sessions(t, nil)
	key, _, err := k.apiKeys.Create(t.Context(), ann, token.CreateOptions{Scopes: []string{"sessions:admin"}})
	noErr(t, err)
	for _, name := range []string{"a/b", "ann@example.com", "a b", "ä", "..", ".", "a?b#c", "{name}", "%2f", "+"} {
		p := k.login(store.User(name))
		path := "/users/" + url.PathEscape(name) + "/sessions"
		if name == "." || name == ".." {
			path = "/users/" + strings.ReplaceAll(name, ".", "%2E") + "/sessions"
		}
		raw := func(r *http.Request) { r.URL = must(url.Parse(s.URL + path)) }
		wantOAuth(t, get(t, s, "", raw, bearer(key.Reveal()), method(http.MethodDelete)), 204, "")
		if k.alive(p.Access.Reveal()) {
			t.Errorf("%q is still logged in", name)
		}
	}
}

func TestNewSessionsRefuses(t *testing.T) {
	k := newKit(t, nil)
	auth := must(httpauth.New(k.verifier, nil))
	_, err := endpoints.NewSessions(nil, k.revoker, nil)
	wantField(t, err, "auth")
	_, err = endpoints.NewSessions(auth, nil, nil)
	wantField(t, err, "r")
	for _, path := range []string{"x", "/", "/x/", "/x//y", "/x/../y", "/x y", "/x?y", "/{name}", "/x/{y"} {
		_, err = endpoints.NewSessions(auth, k.revoker, &endpoints.SessionsOptions{Path: path})
		wantField(t, err, "SessionsOptions.Path")
	}
	for _, path := range []string{"/users", "/{id}/sessions", "/{name}/{name}", "/{name...}", "/x{name}"} {
		_, err = endpoints.NewAdminSessions(auth, k.revoker, "a", &endpoints.SessionsOptions{Path: path})
		wantField(t, err, "SessionsOptions.Path")
	}
	for _, scope := range []string{"", "a b", `a"`} {
		_, err = endpoints.NewAdminSessions(auth, k.revoker, scope, nil)
		wantField(t, err, "scope")
	}
}
