package token

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jetonkit/jeton/store"
)

// IssuerOptions are what an [Issuer] may be told. The zero value is the safe one.
type IssuerOptions struct {
	// Audience is the aud of access tokens: the resource servers that they are for. Defaults to the issuer alone.
	Audience []string
	// ClientID is the client_id of access tokens (RFC 9068 §2.2). Defaults to the issuer.
	ClientID string
	// AccessTTL is how long an access token lives: 1 s up to the store's MaxTokenLife, in whole seconds. Revocation does
	// not wait for it. Defaults to 15 minutes.
	AccessTTL time.Duration
	// IdleTTL is how long a session lives without a refresh; each refresh starts it again. At least AccessTTL, less
	// than ten years. Defaults to 30 days.
	IdleTTL time.Duration
	// MaxTTL is the absolute life of a session, whatever its refreshes: at least AccessTTL, less than ten
	// years. Defaults to 90 days.
	MaxTTL time.Duration
	// Grace is how long after a refresh the refresh token before it still gets the same successor, so that a lost answer
	// or two tabs do not end the session. At most 5 minutes; negative turns it off. A thief who presents a stolen token
	// within it gets the successor too; every such replay is an [EventReplayed]. Defaults to 10 seconds.
	Grace time.Duration
	// GraceReplays is how many replays a grace window answers: up to 16. Defaults to 3.
	GraceReplays int
	// Limit bounds the sessions of a subject; a login beyond it ends others or is refused. Defaults to no bound.
	Limit store.Limit
	// Claims returns custom claims for the access token, asked at login and at every refresh: current roles, for
	// instance. The value must marshal to a JSON object without the names that this package uses; nil adds nothing. It
	// runs after the store's step: an error leaves no session behind at login, and a refresh may be tried again within the
	// grace window. Defaults to none.
	Claims func(ctx context.Context, session store.Record) (any, error)
	// Keys check refresh tokens; the signing key is always among them. Give the keys of the last MaxTTL here when
	// signing keys change. Defaults to the signing key alone.
	Keys KeySet
	// Events is told what happens; it must not block. Defaults to nobody.
	Events func(context.Context, Event)
	// Now is the clock. It must agree with the store's to well within IdleTTL. Defaults to time.Now.
	Now func() time.Time
}

// Issuer mints tokens: it holds the signing key and begins and refreshes sessions. Safe for concurrent use. It runs
// nothing in the background and has no Close; the store is the caller's to close.
type Issuer struct {
	store         store.TokenStore
	name          string
	key           SigningKey
	opts          IssuerOptions
	refresh       expected
	accessHeader  string
	refreshHeader string
	teller        teller
}

// NewIssuer makes an issuer of tokens whose iss is issuer: 1 to 256 bytes of UTF-8, usually an https URL. o may be nil.
// Bad input is a [store.FieldError] that names the field and its limit; an AccessTTL over the store's MaxTokenLife is,
// because the store would forget a revocation before the token dies.
func NewIssuer(s store.TokenStore, issuer string, key SigningKey, o *IssuerOptions) (*Issuer, error) {
	if s == nil {
		return nil, invalid("store", "is nil", "open a store first")
	}
	if err := checkText("issuer", issuer); err != nil {
		return nil, err
	}
	if key.k == nil {
		return nil, invalid("key", "is the zero key", "make it by HS256 or Ed25519")
	}
	opts := o.withDefaults(issuer)
	if err := opts.check(s.Capabilities().MaxTokenLife); err != nil {
		return nil, err
	}
	i := &Issuer{
		store: s, name: issuer, key: key, opts: opts,
		refresh: expected{issuer: issuer, keys: keysOf(key.VerifyKey(), opts.Keys), audience: []string{issuer}, types: []string{typeRefresh}},
		teller:  teller{events: opts.Events, now: opts.Now},
	}
	var err error
	if i.accessHeader, err = encodeHeader(key, typeAccess); err != nil {
		return nil, err
	}
	i.refreshHeader, err = encodeHeader(key, typeRefresh)
	return i, err
}

// withDefaults returns a copy with every default in place. o may be nil.
func (o *IssuerOptions) withDefaults(issuer string) IssuerOptions {
	var out IssuerOptions
	if o != nil {
		out = *o
	}
	out.Audience = slices.Clone(out.Audience)
	if len(out.Audience) == 0 {
		out.Audience = []string{issuer}
	}
	out.ClientID = cmp.Or(out.ClientID, issuer)
	out.AccessTTL = cmp.Or(out.AccessTTL, 15*time.Minute)
	out.IdleTTL = cmp.Or(out.IdleTTL, 30*day)
	out.MaxTTL = cmp.Or(out.MaxTTL, 90*day)
	out.Grace = max(0, cmp.Or(out.Grace, 10*time.Second))
	out.Now = clock(out.Now)
	return out
}

// check refuses options outside their limits. life is the store's MaxTokenLife.
func (o *IssuerOptions) check(life time.Duration) error {
	if life <= 0 {
		return invalid("store", "does not say how long it keeps revocations", "use a store whose Capabilities tell MaxTokenLife")
	}
	for n, a := range o.Audience {
		if err := checkText(fmt.Sprintf("IssuerOptions.Audience[%d]", n), a); err != nil {
			return err
		}
	}
	if err := checkText("IssuerOptions.ClientID", o.ClientID); err != nil {
		return err
	}
	if o.AccessTTL%time.Second != 0 {
		return invalid("IssuerOptions.AccessTTL", fmt.Sprintf("is %v", o.AccessTTL), "use whole seconds, tokens count in them")
	}
	if err := checkRange("IssuerOptions.AccessTTL", o.AccessTTL, time.Second, life, "lower it, or make the store with a larger MaxTokenLife"); err != nil {
		return err
	}
	if err := checkRange("IssuerOptions.MaxTTL", o.MaxTTL, o.AccessTTL, longest, "keep it between AccessTTL and ten years"); err != nil {
		return err
	}
	if err := checkRange("IssuerOptions.IdleTTL", o.IdleTTL, o.AccessTTL, longest, "keep it between AccessTTL and ten years"); err != nil {
		return err
	}
	return o.checkRequests()
}

// checkRequests lets the contract judge the fields that go into every request.
func (o *IssuerOptions) checkRequests() error {
	now := o.Now()
	issue := store.IssueRequest{
		Record: store.Record{ID: "x", Subject: store.User("x"), Link: store.NewLink(), ExpiresAt: now.Add(time.Second)},
		Limit:  o.Limit,
	}
	if err := issue.Check(now); err != nil {
		return err
	}
	rotate := store.RotateRequest{
		Subject: store.User("x"), ID: "x", NextLink: store.NewLink(), Grace: o.Grace, GraceReplays: o.GraceReplays,
	}
	return rotate.Check(now)
}

const (
	day = 24 * time.Hour
	// longest leaves room for a store whose clock is behind ours.
	longest = store.MaxLife - day
)

func checkRange(field string, d, least, most time.Duration, remedy string) error {
	if d < least || d > most {
		return invalid(field, fmt.Sprintf("is %v, the range is %v to %v", d, least, most), remedy)
	}
	return nil
}

// keysOf returns own with more, which may be nil. Own comes first: nobody else's key passes for it.
func keysOf(own VerifyKey, more KeySet) KeySet {
	if more == nil {
		return own
	}
	return ownFirst{own, more}
}

type ownFirst struct {
	own  VerifyKey
	more KeySet
}

// FindKey looks among both.
func (s ownFirst) FindKey(ctx context.Context, kid string) (VerifyKey, error) {
	if kid == s.own.KeyID() {
		return s.own, nil
	}
	return s.more.FindKey(ctx, kid)
}
