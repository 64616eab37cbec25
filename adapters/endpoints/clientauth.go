package endpoints

import (
	"errors"
	"net/http"
	"slices"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// The outcomes of a [Method] besides a client's id.
var (
	// ErrNoCredentials is a request that does not use the method at all: another may be meant.
	ErrNoCredentials = errors.New("the request does not use this method")
	// ErrInvalidClient is a client that is not proven: it is not known, or what it sent is wrong. Which of the two is
	// nobody's to learn.
	ErrInvalidClient = errors.New("the client is not proven")
)

// Method is one way in which clients prove who they are (RFC 6749 §2.3). It is safe for concurrent use. [SecretBasic],
// [SecretPost], [Certificate], [Signed] and [Public] are the ready ones.
type Method interface {
	// Name is the method's name in metadata (token_endpoint_auth_method of RFC 7591 §2); empty for one that is not told.
	Name() string
	// Authenticate returns the id of the client that sends r. r.PostForm is parsed, and r.Body can be read from its
	// beginning. The error is [ErrNoCredentials], or matches [ErrInvalidClient]; any other proves nothing, and is an
	// outage (503).
	Authenticate(r *http.Request) (clientID string, err error)
}

// nameNone is the method of public clients, who prove nothing (RFC 7591 §2).
const nameNone = "none"

// ClientAuth says which client sends a request. It is made by [NewClientAuth] and safe for concurrent use.
type ClientAuth struct {
	methods []Method
	public  Method // nil: no public clients
}

// NewClientAuth makes a client authentication of one or more methods. A request uses one of them: none is refused by 401,
// two at once by 400 (RFC 6749 §2.3). Bad input is a store.FieldError.
func NewClientAuth(methods ...Method) (*ClientAuth, error) {
	if len(methods) == 0 {
		return nil, invalid("methods", "is empty", "give SecretBasic, or another Method")
	}
	a := &ClientAuth{}
	for _, m := range methods {
		own, _ := m.(method)
		switch {
		case own.lacks != "":
			return nil, invalid("methods", "has one whose "+own.lacks+" is nil",
				"give SecretBasic and the others a Registry, and Signed a function")
		case m == nil:
			return nil, invalid("methods", "has a nil method", "make it by SecretBasic, SecretPost, Certificate, Signed or Public")
		case slices.Contains(a.Names(), m.Name()) && m.Name() != "":
			return nil, invalid("methods", "has the name "+m.Name()+" twice", "give each method once")
		case m.Name() == nameNone:
			a.public = m
		default:
			a.methods = append(a.methods, m)
		}
	}
	return a, nil
}

// Names returns the methods' names for metadata.
func (a *ClientAuth) Names() []string {
	var names []string
	for _, m := range a.methods {
		if m.Name() != "" {
			names = append(names, m.Name())
		}
	}
	if a.public != nil {
		names = append(names, nameNone)
	}
	return names
}

// scheme is what a 401 asks for: it has to ask for something (RFC 9110 §15.5.2).
func (a *ClientAuth) scheme() string {
	if a != nil && !slices.ContainsFunc(a.methods, func(m Method) bool { return m.Name() == nameBasic }) {
		return "Client" // no scheme of RFC 9110 says certificate, or form
	}
	return "Basic"
}

// confidential reports whether there is any way to prove something.
func (a *ClientAuth) confidential() bool { return len(a.methods) > 0 }

// caller is who sends a request.
type caller struct {
	id string
	// public says that nothing was proven.
	public bool
}

// authenticate returns who sends a request, or a failure.
func (a *ClientAuth) authenticate(r *http.Request, f form) (caller, error) {
	if len(r.Header["Authorization"]) > 1 {
		return caller{}, badRequest("send one Authorization header")
	}
	id, used, err := a.prove(r, f)
	if used == 0 && err == nil {
		return a.unproven(r, f)
	}
	switch {
	case err != nil && !errors.Is(err, ErrInvalidClient): // nobody knows, not even whether there are two methods
		return caller{}, failureOf(err)
	case used > 1:
		return caller{}, badRequest("use one method of client authentication")
	case err != nil:
		return caller{}, notProven(err)
	case id == "":
		return caller{}, notProven(ErrInvalidClient)
	}
	if named := f.get("client_id"); named != "" && named != id {
		return caller{}, badRequest("client_id is not the client that the request proves")
	}
	return caller{id: id}, nil
}

// prove asks every method, so that a request with two is seen. Of several errors the first counts, and an outage before all.
func (a *ClientAuth) prove(r *http.Request, f form) (id string, used int, first error) {
	for _, m := range a.methods {
		got, err := m.Authenticate(f.request(r))
		if errors.Is(err, ErrNoCredentials) {
			continue
		}
		used++
		switch {
		case err != nil && (first == nil || errors.Is(first, ErrInvalidClient)):
			first = err
		case err == nil:
			id = got
		}
	}
	return id, used, first
}

// unproven is a request without anything that proves a client: a public one's, or nobody's.
func (a *ClientAuth) unproven(r *http.Request, f form) (caller, error) {
	if a.public == nil || r.Header.Get("Authorization") != "" || f.get("client_secret") != "" {
		return caller{}, notProven(ErrNoCredentials) // credentials of a method that is not among ours prove nothing
	}
	id, err := a.public.Authenticate(f.request(r))
	switch {
	case errors.Is(err, ErrNoCredentials), errors.Is(err, ErrInvalidClient), err == nil && id == "":
		return caller{}, notProven(err)
	case err != nil:
		return caller{}, failureOf(err)
	}
	return caller{id: id, public: true}, nil
}

// notProven is one answer for every client that is not proven (RFC 6749 §5.2).
func notProven(cause error) *httpauth.Failure {
	return refusal(http.StatusUnauthorized, CodeInvalidClient, "the client is not proven", cause)
}
