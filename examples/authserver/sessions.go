package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// caller returns the token of a request behind Required.
func caller(r *http.Request) *token.Token {
	t, _ := httpauth.Token(r.Context())
	return t
}

// ended answers a revocation: 204 once it is acknowledged, and its error otherwise.
func ended(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// me answers whose token it is.
func (s *server) me(w http.ResponseWriter, r *http.Request) error {
	t := caller(r)
	c, _ := token.Extra[claims](t)
	return reply(w, http.StatusOK, struct {
		Username  string    `json:"username"`
		Roles     []string  `json:"roles"`
		SessionID string    `json:"session_id"`
		ExpiresAt time.Time `json:"expires_at"`
	}{t.Subject().Name, c.Roles, t.SessionID(), t.ExpiresAt()})
}

// session is a session as its user sees it.
type session struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current"`
	Class     string    `json:"class"`
	UserAgent string    `json:"user_agent"`
	IP        string    `json:"ip"`
	IssuedAt  time.Time `json:"issued_at"`
	LastSeen  time.Time `json:"last_seen"`
	ExpiresAt time.Time `json:"expires_at"`
}

// sessionsOf returns the live sessions of a subject, newest first. current is the one that asks; it may be empty.
func (s *server) sessionsOf(ctx context.Context, subject store.Subject, current string) ([]session, error) {
	list := []session{}
	for page := (store.Page{}); ; {
		got, err := s.stack.Revoker.List(ctx, subject, page)
		if err != nil {
			return nil, err
		}
		for _, rec := range got.Items {
			list = append(list, session{
				ID: rec.ID, Current: rec.ID == current, Class: rec.Class,
				UserAgent: rec.Metadata["user_agent"], IP: rec.Metadata["ip"],
				IssuedAt: rec.IssuedAt, LastSeen: rec.LastSeen, ExpiresAt: rec.ExpiresAt,
			})
		}
		if got.Next == "" {
			return list, nil
		}
		page.Cursor = got.Next
	}
}

func replySessions(w http.ResponseWriter, list []session) error {
	return reply(w, http.StatusOK, map[string][]session{"sessions": list})
}

// listSessions answers the caller's sessions.
func (s *server) listSessions(w http.ResponseWriter, r *http.Request) error {
	list, err := s.sessionsOf(r.Context(), caller(r).Subject(), caller(r).SessionID())
	if err != nil {
		return err
	}
	return replySessions(w, list)
}

// endSession ends one of the caller's sessions; the current one too.
func (s *server) endSession(w http.ResponseWriter, r *http.Request) error {
	return s.kick(w, r, caller(r).Subject(), "ended by its user")
}

// endOtherSessions ends all of the caller's sessions but the current one.
func (s *server) endOtherSessions(w http.ResponseWriter, r *http.Request) error {
	t := caller(r)
	err := s.stack.Revoker.Others(r.Context(), t.Subject(), t.SessionID(), "others ended by its user")
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRevoked) {
		return &token.RefusedError{Err: token.ErrRevoked} // the current one has ended since its token was checked
	}
	return ended(w, err)
}

// kick ends the session of the subject that the path names. One that has been ended already is ended again; one that
// nobody has is a mistake to be told.
func (s *server) kick(w http.ResponseWriter, r *http.Request, subject store.Subject, reason string) error {
	id := r.PathValue("id")
	state, err := s.stack.Store.Lookup(r.Context(), subject, id)
	if errors.Is(err, store.ErrInvalid) || (err == nil && state.Entries[0].Status == store.Unknown) {
		return failure(http.StatusNotFound, "not_found", "there is no such session")
	}
	if err != nil {
		return err
	}
	return ended(w, s.stack.Revoker.Session(r.Context(), subject, id, reason))
}
