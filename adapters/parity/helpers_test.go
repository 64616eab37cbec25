package parity_test

import (
	"testing"

	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// login returns a verifier, and a token of ann's without scopes.
func login(t *testing.T) (*token.Verifier, string) {
	t.Helper()
	s, err := memstore.New(nil)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	key, err := token.HS256("k1", []byte("0123456789abcdef0123456789abcdef"))
	check(t, err)
	issuer, err := token.NewIssuer(s, "x", key, nil)
	check(t, err)
	v, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: "x", Keys: key.VerifyKey(), Check: token.Sessions(s)}}, nil)
	check(t, err)
	t.Cleanup(func() { _ = v.Close() })
	pair, err := issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
	check(t, err)
	return v, pair.Access.Reveal()
}
