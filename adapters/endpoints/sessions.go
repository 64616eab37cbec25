package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// SessionsOptions are what [Sessions] and [AdminSessions] may be told. The zero value is the safe one.
type SessionsOptions struct {
	// Path is where the handler stands on its server, without a slash at the end. Defaults to "/sessions"; for AdminSessions to
	// "/users/{name}/sessions", and it must then have the wildcard {name}.
	Path string
	// Metadata returns what of a session's metadata is shown: r.Metadata for all of it. Defaults to nothing.
	Metadata func(r store.Record) map[string]string
	// Subject returns whose sessions an admin's path names, for instance of another realm than the admin's, whom httpauth.Token
	// tells of r's context. A store.FieldError is answered by 400, an [httpauth.Failure] as it is, and any other error is an
	// outage. Defaults to the user of the name in the path, of the admin's own realm.
	Subject func(r *http.Request, name string) (store.Subject, error)
}

// session is one as it is shown.
type session struct {
	ID        string            `json:"id"`
	Current   bool              `json:"current"`
	Class     string            `json:"class,omitempty"`
	IssuedAt  time.Time         `json:"issued_at"`
	LastSeen  time.Time         `json:"last_seen"`
	ExpiresAt time.Time         `json:"expires_at"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// logins is what both handlers share.
type logins struct {
	auth    *httpauth.Middleware
	revoker *token.Revoker
	opts    SessionsOptions
	mux     *http.ServeMux
}

// ServeHTTP answers.
func (l *logins) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.mux.ServeHTTP(w, r) }

func newLogins(auth *httpauth.Middleware, r *token.Revoker, o *SessionsOptions, usual string) (*logins, error) {
	if err := required(given{"auth", auth == nil}, given{"r", r == nil}); err != nil {
		return nil, err
	}
	l := &logins{auth: auth, revoker: r, mux: http.NewServeMux()}
	if o != nil {
		l.opts = *o
	}
	if l.opts.Path == "" {
		l.opts.Path = usual
	}
	wildcards := strings.Count(usual, "{")
	if p := l.opts.Path; p[0] != '/' || path.Clean(p) != p || p == "/" || strings.ContainsAny(p, " ?#\t") ||
		strings.Count(p, "{") != wildcards || strings.Count(p, "}") != wildcards || strings.Count(p, "/{name}") != wildcards {
		return nil, invalid("SessionsOptions.Path", "is not the path of a handler", "write it as "+usual)
	}
	return l, nil
}

// handler is one behind a token.
type handler func(http.ResponseWriter, *http.Request, *token.Token) error

// handle puts a handler behind the access token of a request.
func (l *logins) handle(method, rest string, do handler) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, _ := httpauth.Token(r.Context()) // nobody comes here without
		if err := do(w, r, t); err != nil {
			l.auth.WriteError(w, r, told(err))
		}
	})
	required := l.auth.Required(inner)
	l.mux.HandleFunc(method+" "+l.opts.Path+rest, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := httpauth.Token(r.Context()); ok { // judged by a middleware around this handler, with rules of its own
			inner.ServeHTTP(w, r)
			return
		}
		required.ServeHTTP(w, r)
	})
}

// told is an error as the client is told it. The token has been judged: what says that nobody can tell is an outage.
func told(err error) error {
	var f *httpauth.Failure
	if errors.As(err, &f) {
		return err
	}
	return outage(err)
}

func noSession() *httpauth.Failure {
	return refusal(http.StatusNotFound, httpauth.CodeNotFound, "there is no such session", nil)
}

// has reports whether a live session of a subject has an id.
func (l *logins) has(ctx context.Context, subject store.Subject, id string) (bool, error) {
	for page := (store.Page{Limit: store.MaxPage}); ; {
		got, err := l.revoker.List(ctx, subject, page)
		switch {
		case err != nil:
			return false, err
		case slices.ContainsFunc(got.Items, func(r store.Record) bool { return r.ID == id }):
			return true, nil
		case got.Next == "":
			return false, nil
		}
		page.Cursor = got.Next
	}
}

// list answers a page of a subject's sessions. current is the id of the one that asks; it may be empty.
func (l *logins) list(w http.ResponseWriter, r *http.Request, subject store.Subject, current string) error {
	got, err := l.revoker.List(r.Context(), subject, store.Page{Limit: store.MaxPage, Cursor: r.URL.Query().Get("cursor")})
	var bad *store.FieldError
	switch {
	case errors.As(err, &bad) && bad.Field == "Page.Cursor": // all else is ours
		return badRequest("cursor is not the next of an answer")
	case err != nil:
		return err
	}
	shown := make([]session, len(got.Items))
	for n, rec := range got.Items {
		shown[n] = session{
			ID: rec.ID, Current: rec.ID == current, Class: rec.Class,
			IssuedAt: rec.IssuedAt.UTC(), LastSeen: rec.LastSeen.UTC(), ExpiresAt: rec.ExpiresAt.UTC(),
		}
		if l.opts.Metadata != nil {
			shown[n].Metadata = l.opts.Metadata(rec.Clone())
		}
	}
	body, err := json.Marshal(struct {
		Sessions []session `json:"sessions"`
		Next     string    `json:"next,omitempty"`
	}{shown, got.Next})
	if err != nil {
		return err
	}
	h := w.Header()
	noStore(h)
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(body, '\n')) // the client may have gone
	return nil
}

// kick ends one session of a subject. One that the subject has not is not told from one that nobody has.
func (l *logins) kick(w http.ResponseWriter, r *http.Request, subject store.Subject, reason string) error {
	id := r.PathValue("id")
	switch found, err := l.has(r.Context(), subject, id); {
	case err != nil:
		return err
	case !found:
		return noSession()
	}
	return ended(w, l.revoker.Session(r.Context(), subject, id, reason))
}

// ended answers a revocation: 204 once it is acknowledged.
func ended(w http.ResponseWriter, err error) error {
	if err == nil {
		noStore(w.Header())
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// Sessions lets users see and end their logins ("my devices"), each by the access token of one of them:
//
//	GET    /sessions          {"sessions":[{"id":…,"current":true,…},…]}, newest first
//	DELETE /sessions          ends all of them, the current one too
//	DELETE /sessions/others   ends all but the current one
//	DELETE /sessions/{id}     ends one; 404 for an id that the user has not, whoever else has it
//
// An answer has at most store.MaxPage sessions. Where there are more it has a next as well: GET /sessions?cursor=… with it goes
// on from there.
//
// An end is 204 once the store has acknowledged it, and 503 if nobody knows. The token is that of a middleware around the
// handler, where there is one, and else judged here. API keys and other issuers' tokens are refused by 403: they are
// nobody's logins here. Any JWT of ours will do, whatever its scopes: where some are for programs that may do less than
// their user, put RequiredScopes of a *httpauth.Middleware around it. Where tokens come in cookies, let the middleware check for
// forged requests (CSRF): this handler does not.
type Sessions struct{ *logins }

// NewSessions makes the handler. o may be nil. Bad input is a store.FieldError.
func NewSessions(auth *httpauth.Middleware, r *token.Revoker, o *SessionsOptions) (*Sessions, error) {
	l, err := newLogins(auth, r, o, "/sessions")
	if err != nil {
		return nil, err
	}
	s := &Sessions{l}
	l.handle(http.MethodGet, "", loginsOnly(func(w http.ResponseWriter, r *http.Request, t *token.Token) error {
		return l.list(w, r, t.Subject(), t.SessionID())
	}))
	l.handle(http.MethodDelete, "", loginsOnly(func(w http.ResponseWriter, r *http.Request, t *token.Token) error {
		return ended(w, l.revoker.Subject(r.Context(), t.Subject(), reasonUser))
	}))
	l.handle(http.MethodDelete, "/others", loginsOnly(s.endOthers))
	l.handle(http.MethodDelete, "/{id}", loginsOnly(func(w http.ResponseWriter, r *http.Request, t *token.Token) error {
		return l.kick(w, r, t.Subject(), reasonUser)
	}))
	return s, nil
}

// loginsOnly refuses tokens that are no login of ours. An API key's subject is that of the user's keys: it would list those.
func loginsOnly(do handler) handler {
	return func(w http.ResponseWriter, r *http.Request, t *token.Token) error {
		if t.IsAPIKey() || t.Foreign() {
			return refusal(http.StatusForbidden, CodeAccessDenied, "this is for logins", nil)
		}
		return do(w, r, t)
	}
}

func (s *Sessions) endOthers(w http.ResponseWriter, r *http.Request, t *token.Token) error {
	err := s.revoker.Others(r.Context(), t.Subject(), t.SessionID(), reasonUser)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRevoked) { // it ended since its token was judged
		return httpauth.FailureOf(&token.RefusedError{Err: token.ErrRevoked})
	}
	return ended(w, err)
}

// AdminSessions is [Sessions] for any user of the admin's realm, behind a scope:
//
//	GET    /users/{name}/sessions        the user's sessions; none for a user who is not there
//	DELETE /users/{name}/sessions        ends all of them
//	DELETE /users/{name}/sessions/{id}   ends one; 404 for an id that the user has not
//
// The token must name the scope, whatever httpauth.Options.SessionsUnscoped says of users' own logins: everybody has one of
// those.
type AdminSessions struct {
	*logins
	scope string
}

// NewAdminSessions makes the handler. scope is required. o may be nil. Bad input is a store.FieldError.
func NewAdminSessions(
	auth *httpauth.Middleware, r *token.Revoker, scope string, o *SessionsOptions,
) (*AdminSessions, error) {
	if scope == "" || strings.ContainsAny(scope, " \"\\") {
		return nil, invalid("scope", "is empty, or no scope of RFC 6749 section 3.3",
			"name the scope that admins have: sessions:admin")
	}
	l, err := newLogins(auth, r, o, "/users/{name}/sessions")
	if err != nil {
		return nil, err
	}
	a := &AdminSessions{l, scope}
	l.handle(http.MethodGet, "", a.admin(l.list))
	l.handle(http.MethodDelete, "", a.admin(func(w http.ResponseWriter, r *http.Request, s store.Subject, _ string) error {
		return ended(w, l.revoker.Subject(r.Context(), s, reasonAdmin))
	}))
	l.handle(http.MethodDelete, "/{id}", a.admin(func(w http.ResponseWriter, r *http.Request, s store.Subject, _ string) error {
		return l.kick(w, r, s, reasonAdmin)
	}))
	return a, nil
}

// admin lets tokens with the scope through to do, with the user that the path names and the session of the one that asks.
func (a *AdminSessions) admin(do func(http.ResponseWriter, *http.Request, store.Subject, string) error) handler {
	return func(w http.ResponseWriter, r *http.Request, t *token.Token) error {
		if t.Foreign() || !t.HasScopes(a.scope) {
			return httpauth.FailureOf(&httpauth.ScopeError{Scopes: []string{a.scope}})
		}
		subject, err := a.subject(r, t)
		if err != nil {
			return err
		}
		return do(w, r, subject, t.SessionID())
	}
}

// subject is the user that an admin's path names: one of the same tenant, unless the program says otherwise.
func (l *logins) subject(r *http.Request, admin *token.Token) (store.Subject, error) {
	subject := store.User(r.PathValue("name"))
	subject.Realm = admin.Owner().Realm
	var err error
	if l.opts.Subject != nil {
		subject, err = l.opts.Subject(r, r.PathValue("name"))
	}
	if err == nil {
		err = subject.Check()
	}
	if errors.Is(err, store.ErrInvalid) {
		return subject, httpauth.FailureOf(err)
	}
	return subject, err
}
