package token_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

func xs(n int) m { return m{"x": strings.Repeat("x", n)} }

// Claims that no token can hold are refused before the store's step.
func TestClaimsTooLargeChangeNothing(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Limit: store.Limit{Max: 1}, Grace: -1}})
	p := k.login()
	told := len(k.events.list())
	_, err := k.issuer.Login(t.Context(), ann, token.LoginOptions{Claims: xs(9000)})
	wantField(t, err, "Claims")
	_, err = k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{Claims: xs(9000)})
	wantField(t, err, "Claims")
	noErr(t, k.verify(p))
	if n := len(k.events.list()); n != told+1 { // of verify
		t.Errorf("events tell of what did not happen: %v", k.events.list()[told:])
	}
	_, err = k.refresh(p)
	noErr(t, err)
}

// Of claims around the limit each either changes nothing or makes a token: what is measured is never less than what is made.
func TestClaimsAtTheLimit(t *testing.T) {
	for _, key := range []token.SigningKey{must(token.HS256(keyID, secret)), must(token.Ed25519("ed", edKey(0)))} {
		t.Run(key.Algorithm(), func(t *testing.T) {
			k := newKit(t, setup{})
			i := must(token.NewIssuer(k.store, issuerName, key, &token.IssuerOptions{Now: k.clock.Now}))
			subject := store.Subject{Realm: "north", Name: "änn\x01"}
			made, refused, longest := 0, 0, 0
			for n := 5500; n < 6000; n++ {
				before := len(must(k.revoker.List(t.Context(), subject, store.Page{Limit: 1000})).Items)
				p, err := i.Login(t.Context(), subject, token.LoginOptions{Claims: xs(n)})
				after := len(must(k.revoker.List(t.Context(), subject, store.Page{Limit: 1000})).Items)
				if err != nil {
					wantField(t, err, "Claims")
					refused++
				} else {
					made++
					longest = max(longest, len(p.Access.Reveal()))
				}
				if (after > before) != (err == nil) {
					t.Fatalf("claims of %d bytes: %v, and %d sessions became %d", n, err, before, after)
				}
			}
			if made == 0 || refused == 0 || longest > token.MaxBytes || longest < token.MaxBytes-100 {
				t.Errorf("%d made, %d refused, the longest has %d bytes", made, refused, longest)
			}
		})
	}
}

// marshalsOnce fits a token the first time that it is asked, and never again.
type marshalsOnce struct{ asked *int }

func (c marshalsOnce) MarshalJSON() ([]byte, error) {
	if *c.asked++; *c.asked > 1 {
		return nil, errors.New("asked again")
	}
	return []byte(`{"x":"once"}`), nil
}

func TestGivenClaimsAreMarshalledOnce(t *testing.T) {
	k := newKit(t, setup{})
	asked := 0
	p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Claims: marshalsOnce{&asked}}))
	asked = 0
	p = must(k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{Claims: marshalsOnce{&asked}}))
	if _, c := parts(p.Access.Reveal()); c["x"] != "once" {
		t.Errorf("the claims are %v", c)
	}
}

// A value that marshals to null is given all the same: the callback is not asked.
func TestGivenNothing(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(context.Context, store.Record) (any, error) { return m{"x": 1}, nil }}})
	p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Claims: m(nil)}))
	if _, c := parts(p.Access.Reveal()); c["x"] != nil {
		t.Errorf("the claims are %v", c)
	}
	p = must(k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{Claims: (*roles)(nil)}))
	if _, c := parts(p.Access.Reveal()); c["x"] != nil {
		t.Errorf("the claims are %v", c)
	}
}

// Names that NewIssuer takes leave room for every subject, and the others are refused at once.
func TestNamesLeaveRoom(t *testing.T) {
	s := newMemory(t, time.Now)
	control := strings.Repeat("\x01", store.MaxNameLen)
	largest := store.Subject{Realm: control, Name: control}
	for _, key := range []token.SigningKey{must(token.HS256(keyID, secret)), must(token.Ed25519(control, edKey(0)))} {
		most := 0
		for n := range 100 {
			audience := make([]string, n)
			for i := range audience {
				audience[i] = fmt.Sprintf("https://%091d", i)
			}
			i, err := token.NewIssuer(s, issuerName, key, &token.IssuerOptions{Audience: audience})
			if err != nil {
				wantField(t, err, "IssuerOptions.Audience")
				break
			}
			most = n
			p, err := i.Login(t.Context(), largest, token.LoginOptions{})
			noErr(t, err)
			_, err = i.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{})
			noErr(t, err)
		}
		if most < 5 || most > 50 {
			t.Errorf("%s: an audience of %d names is the most", key.Algorithm(), most)
		}
	}
	key := must(token.HS256(keyID, secret))
	for _, c := range []struct {
		name, issuer, field string
		o                   *token.IssuerOptions
	}{
		{"the issuer in every place", control, "issuer", nil},
		{"the issuer in the refresh token", control, "issuer", &token.IssuerOptions{Audience: []string{"a"}, ClientID: "c"}},
		{"the client and an audience", "i", "IssuerOptions.ClientID", &token.IssuerOptions{Audience: []string{control[1:]}, ClientID: control}},
		{"the longest plain names", strings.Repeat("i", 256), "", nil},
		{"the longest plain names, all different", strings.Repeat("i", 256), "", &token.IssuerOptions{
			Audience: []string{strings.Repeat("a", 256)}, ClientID: strings.Repeat("c", 256),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := token.NewIssuer(s, c.issuer, key, c.o)
			if c.field == "" {
				noErr(t, err)
				return
			}
			wantField(t, err, c.field)
		})
	}
}

// What the documentation of IssuerOptions.Claims says of its failure: within the grace window the refresh can be repeated,
// and later it is reuse.
func TestClaimsOutageThatOutlastsGrace(t *testing.T) {
	for _, c := range []struct {
		name        string
		grace, wait time.Duration
		want        error
	}{
		{"within", 0, 10 * time.Second, nil},
		{"later", 0, 11 * time.Second, token.ErrReused},
		{"off", -1, 0, token.ErrReused},
	} {
		t.Run(c.name, func(t *testing.T) {
			var down error
			k := newKit(t, setup{issuer: token.IssuerOptions{Grace: c.grace, Claims: func(context.Context, store.Record) (any, error) {
				return nil, down
			}}})
			p := k.login()
			down = store.ErrUnavailable
			_, err := k.refresh(p)
			wantErr(t, err, store.ErrUnavailable)
			down = nil
			k.clock.Advance(c.wait)
			_, err = k.refresh(p)
			wantErr(t, err, c.want)
			if want := map[bool]int{true: 1}[c.want == nil]; k.sessions() != want {
				t.Errorf("%d sessions are left, want %d", k.sessions(), want)
			}
		})
	}
}

// Bad input that the store refuses has changed nothing, and is no outage.
func TestBadBindingIsNotTold(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	_, err := k.issuer.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{Binding: strings.Repeat("b", 65)})
	wantField(t, err, "Binding")
	if n := k.events.count(token.EventFailed) + k.events.count(token.EventRefreshRefused); n != 0 {
		t.Errorf("%d events of bad input", n)
	}
}

// Bad claims of the callback come after the step: something has happened, and it is told.
func TestBadClaimsAfterTheStepAreTold(t *testing.T) {
	var claims any
	k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(context.Context, store.Record) (any, error) { return claims, nil }}})
	p := k.login()
	claims = xs(9000)
	_, err := k.refresh(p)
	wantField(t, err, "Claims")
	if n := k.events.count(token.EventFailed); n != 1 {
		t.Errorf("%d events of a refresh that failed after its step", n)
	}
}

// A replay gets the same bytes, of maps too, which Go walks in random order.
func TestReplayOfMapClaims(t *testing.T) {
	k := newKit(t, setup{issuer: token.IssuerOptions{Claims: func(context.Context, store.Record) (any, error) {
		claims := map[string]any{}
		for n := range 50 {
			claims[fmt.Sprintf("claim%d", n)] = map[string]int{"a": n, "b": n, "c": n}
		}
		return claims, nil
	}}})
	p := k.login()
	first, second := must(k.refresh(p)), must(k.refresh(p))
	if first.Access.Reveal() != second.Access.Reveal() {
		t.Error("the replay got another access token")
	}
}
