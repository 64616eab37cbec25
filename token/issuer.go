package token

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jetonkit/jeton/store"
)

// IssuerOptions are what an [Issuer] may be told. The zero value is the safe one.
type IssuerOptions struct {
	// Audience is the aud of access tokens: the resource servers that they are for. With the longest subject a token must
	// stay within [MaxBytes], which leaves room for about 2,500 bytes of issuer, Audience and ClientID together, the issuer
	// counted once more for each of the two that is left out. Defaults to the issuer alone.
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
	// instance. The value must marshal to a JSON object without the names that this package uses; nil adds nothing.
	//
	// It runs after the store's step, which it may look at. An error of it, and a value that no token can hold, come too
	// late to change nothing. A login then ends its session again, and sessions that Limit ended stay ended. A refresh has
	// used its token: repeated within the grace window it succeeds, and repeated later, or with Grace off, it is reuse and
	// ends the session. So an outage behind Claims that outlasts Grace logs out whoever refreshes meanwhile and tries again
	// after it. Answer from what is at hand, or widen Grace, where that matters. Defaults to none.
	Claims func(ctx context.Context, session store.Record) (any, error)
	// Keys check refresh tokens besides the signing key, or the keys of a [Keyring], which come first. Whoever signs with a
	// single key, and starts again with another, gives the keys of the last MaxTTL here. Defaults to none.
	Keys KeySet
	// Events is told what happens; it must not block. Defaults to nobody.
	Events func(context.Context, Event)
	// Now is the clock. It must agree with the store's to well within IdleTTL. Defaults to time.Now.
	Now func() time.Time
}

// Issuer mints tokens: it holds the signing key and begins and refreshes sessions. Safe for concurrent use. It runs
// nothing in the background and has no Close; the store is the caller's to close.
type Issuer struct {
	store   store.TokenStore
	name    string
	signer  Signer
	hand    atomic.Pointer[hand] // of the key that signed last
	opts    IssuerOptions
	refresh expected
	teller  teller
}

// NewIssuer makes an issuer of tokens whose iss is issuer: 1 to 256 bytes of UTF-8, usually an https URL. It signs with a
// [SigningKey], or with whatever key of a [Keyring] signs at the moment. o may be nil.
// Bad input is a [store.FieldError] that names the field and its limit; an AccessTTL over the store's MaxTokenLife is,
// because the store would forget a revocation before the token dies, and so are names that leave no room in a token.
func NewIssuer(s store.TokenStore, issuer string, key Signer, o *IssuerOptions) (*Issuer, error) {
	if s == nil {
		return nil, invalid("store", "is nil", "open a store first")
	}
	if err := checkText("issuer", issuer); err != nil {
		return nil, err
	}
	if key == nil || key.signingKey().k == nil {
		return nil, invalid("key", "is the zero key, or a ring without a signing key", "make it by NewSigningKey, or give the ring one")
	}
	opts := o.withDefaults(issuer)
	if err := opts.check(s.Capabilities().MaxTokenLife); err != nil {
		return nil, err
	}
	i := &Issuer{
		store: s, name: issuer, signer: key, opts: opts,
		refresh: expected{issuer: issuer, keys: keysOf(key.refreshKeys(), opts.Keys), audience: []string{issuer}, types: []string{typeRefresh}},
		teller:  teller{events: opts.Events, now: opts.Now},
	}
	if err := key.serve(i); err != nil {
		return nil, err
	}
	return i, nil
}

// Name returns the iss of the tokens.
func (i *Issuer) Name() string { return i.name }

// checkRoom refuses names that leave no room for a token of the largest subject: some logins, or all, would fail.
func (i *Issuer) checkRoom(key SigningKey) error {
	h, err := newHand(key)
	if err != nil {
		return err
	}
	// A control character takes six bytes in JSON, and nothing takes more (RFC 8259 §7).
	text := strings.Repeat("\x01", store.MaxNameLen)
	largest := store.Subject{Realm: text, Name: text}
	access, err := i.accessSize(h, largest, store.NewID(), nil)
	if err != nil {
		return err
	}
	refresh, err := i.refreshSize(h, largest, store.NewID())
	if err != nil {
		return err
	}
	if access > MaxBytes {
		return noRoom(i.widest(), access)
	}
	if refresh > MaxBytes {
		return noRoom("issuer", refresh)
	}
	return nil
}

// widest names what takes the most room in access tokens.
func (i *Issuer) widest() string {
	audience, client := strings.Join(i.opts.Audience, ""), i.opts.ClientID
	switch most := max(len(audience), len(client), len(i.name)); {
	case most == len(i.name): // also where it is the default of the others
		return "issuer"
	case most == len(client):
		return "IssuerOptions.ClientID"
	}
	return "IssuerOptions.Audience"
}

func noRoom(field string, n int) error {
	return invalid(field, fmt.Sprintf("leaves no room: a token of the longest subject has %d bytes, the limit is %d", n, MaxBytes),
		"shorten it; one name for several audiences will do")
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
	out.AccessTTL = cmp.Or(out.AccessTTL, defaultAccessTTL)
	out.IdleTTL = cmp.Or(out.IdleTTL, 30*day)
	out.MaxTTL = cmp.Or(out.MaxTTL, defaultMaxTTL)
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
	return cmp.Or(o.checkGrace(), o.checkLimit())
}

// checkGrace refuses what no request takes, in the words of the options: in a request it is zero that turns the window off.
func (o *IssuerOptions) checkGrace() error {
	const remedy = "leave it zero for 10 seconds; a negative one turns it off"
	if err := checkRange("IssuerOptions.Grace", o.Grace, 0, store.MaxGrace, remedy); err != nil {
		return err
	}
	if o.GraceReplays < 0 || o.GraceReplays > store.MaxReplays {
		return invalid("IssuerOptions.GraceReplays", fmt.Sprintf("is %d, the range is 0 to %d", o.GraceReplays, store.MaxReplays),
			fmt.Sprintf("leave it zero for %d", store.DefaultReplays))
	}
	return nil
}

// checkLimit lets the contract judge what goes into every login.
func (o *IssuerOptions) checkLimit() error {
	now := o.Now()
	issue := store.IssueRequest{
		Record: store.Record{ID: "x", Subject: store.User("x"), Link: store.NewLink(), ExpiresAt: now.Add(time.Second)},
		Limit:  o.Limit,
	}
	return issue.Check(now)
}

const (
	day = 24 * time.Hour

	defaultAccessTTL = 15 * time.Minute
	defaultMaxTTL    = 90 * day
	// longest leaves room for a store whose clock is behind ours.
	longest = store.MaxLife - day
)

func checkRange(field string, d, least, most time.Duration, remedy string) error {
	if d < least || d > most {
		return invalid(field, fmt.Sprintf("is %v, the range is %v to %v", d, least, most), remedy)
	}
	return nil
}

// ownKeys are the keys of an issuer itself.
type ownKeys interface {
	KeySet
	// holds reports whether a kid is one of ours, be its key of use or not.
	holds(kid string) bool
}

func (k VerifyKey) holds(kid string) bool { return kid == k.KeyID() }

// keysOf returns own with more, which may be nil. Own comes first: nobody else's key passes for it, nor for one that is gone.
func keysOf(own ownKeys, more KeySet) KeySet {
	if more == nil {
		return own
	}
	return ownFirst{own, more}
}

type ownFirst struct {
	own  ownKeys
	more KeySet
}

// FindKey looks among both.
func (s ownFirst) FindKey(ctx context.Context, kid string) (VerifyKey, error) {
	if s.own.holds(kid) {
		return s.own.FindKey(ctx, kid)
	}
	return s.more.FindKey(ctx, kid)
}
