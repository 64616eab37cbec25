package main

import (
	"errors"
	"net/http"
	"slices"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// adminOnly lets the tokens of admins through.
func (s *server) adminOnly(next http.Handler) http.Handler {
	return s.auth.Required(s.answer(func(w http.ResponseWriter, r *http.Request) error {
		if c, _ := token.Extra[claims](caller(r)); !slices.Contains(c.Roles, "admin") {
			return failure(http.StatusForbidden, "forbidden", "this is for admins")
		}
		next.ServeHTTP(w, r)
		return nil
	}))
}

// addUser makes an account.
func (s *server) addUser(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Admin    bool   `json:"admin"`
	}
	if err := read(w, r, &in); err != nil {
		return err
	}
	name, err := checkName("username", in.Username)
	if err != nil {
		return err
	}
	if err := checkNewPassword("password", in.Password); err != nil {
		return err
	}
	hash, err := s.hasher.hash(r.Context(), in.Password)
	if err != nil {
		return err
	}
	a := account{name: name, password: hash, admin: in.Admin}
	err = s.accounts.add(r.Context(), a)
	if errors.Is(err, errTaken) {
		return failure(http.StatusConflict, "exists", "username is taken")
	}
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, struct {
		Username string   `json:"username"`
		Roles    []string `json:"roles"`
	}{a.name, rolesOf(a).Roles})
}

// userOf returns the user that the path names. The account may be gone: its sessions can be seen and ended all the same.
func userOf(r *http.Request) (store.Subject, error) {
	name, err := checkName("the user's name", r.PathValue("name"))
	return store.User(name), err
}

// listUserSessions answers anybody's sessions.
func (s *server) listUserSessions(w http.ResponseWriter, r *http.Request) error {
	subject, err := userOf(r)
	if err != nil {
		return err
	}
	list, err := s.sessionsOf(r.Context(), subject, caller(r).SessionID())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if _, err := s.accounts.find(r.Context(), subject.Name); errors.Is(err, errNoAccount) {
			return failure(http.StatusNotFound, "not_found", "there is no such user")
		} else if err != nil {
			return err
		}
	}
	return replySessions(w, list)
}

// endUserSessions ends all sessions of anybody.
func (s *server) endUserSessions(w http.ResponseWriter, r *http.Request) error {
	subject, err := userOf(r)
	if err != nil {
		return err
	}
	return ended(w, s.stack.Revoker.Subject(r.Context(), subject, "ended by an admin"))
}

// endUserSession ends one session of anybody.
func (s *server) endUserSession(w http.ResponseWriter, r *http.Request) error {
	subject, err := userOf(r)
	if err != nil {
		return err
	}
	return s.kick(w, r, subject, "ended by an admin")
}
