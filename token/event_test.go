package token_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// everything does all that can happen to tokens, and returns the pairs and errors on the way.
func everything(t *testing.T, k *kit) (pairs []token.Pair, errs []error) {
	ctx := t.Context()
	keep := func(p token.Pair, err error) token.Pair {
		if err != nil {
			errs = append(errs, err)
		} else {
			pairs = append(pairs, p)
		}
		return p
	}
	verify := func(raw string) {
		if _, err := k.verifier.Verify(ctx, raw); err != nil {
			errs = append(errs, err)
		}
	}
	guard := must(k.issuer.Begin(ctx, ann))
	p := keep(k.issuer.Login(ctx, ann, token.LoginOptions{Class: "web", Guard: guard}))
	verify(p.Access.Reveal())
	verify(p.Access.Reveal() + "x")
	verify(p.Refresh.Reveal())
	verify(p.Access.Reveal()[:40])
	next := keep(k.refresh(p))
	keep(k.refresh(p))                                                          // replayed
	keep(k.issuer.Refresh(ctx, p.Access.Reveal(), token.RefreshOptions{}))      // refused
	keep(k.issuer.Refresh(ctx, "x"+p.Refresh.Reveal(), token.RefreshOptions{})) // refused
	for range 5 {
		keep(k.refresh(p)) // beyond the replays
	}
	noErr(t, k.revoker.Token(ctx, must(k.verifier.Parse(ctx, next.Access.Reveal())), "leaked"))
	verify(next.Access.Reveal())
	keep(k.refresh(next))
	keep(k.refresh(keep(k.issuer.Login(ctx, ann, token.LoginOptions{})))) // evicts
	fresh := keep(k.issuer.Login(ctx, ann, token.LoginOptions{}))
	moved := keep(k.refresh(keep(k.refresh(fresh))))
	keep(k.refresh(fresh)) // reused
	verify(moved.Access.Reveal())
	noErr(t, k.revoker.Subject(ctx, ann, "banned"))
	keep(k.issuer.Login(ctx, ann, token.LoginOptions{Guard: guard})) // too late
	last := keep(k.issuer.Login(ctx, ann, token.LoginOptions{}))
	noErr(t, k.revoker.Others(ctx, ann, last.Session.ID, "password"))
	noErr(t, k.revoker.Session(ctx, ann, last.Session.ID, "logout"))
	return pairs, errs
}

func TestEventsTellEverythingAndNoSecret(t *testing.T) {
	var logged bytes.Buffer
	level := &slog.HandlerOptions{Level: slog.LevelDebug}
	logs := []func(context.Context, token.Event){
		token.LogEvents(slog.New(slog.NewJSONHandler(&logged, level))),
		token.LogEvents(slog.New(slog.NewTextHandler(&logged, level))),
	}
	k := newKit(t, setup{issuer: token.IssuerOptions{Limit: store.Limit{Max: 2}}})
	pairs, errs := everything(t, k)
	for _, e := range k.events.list() {
		for _, log := range logs {
			log(t.Context(), e)
		}
		logged.WriteString(printed(e))
		if e.Time.IsZero() || !e.Time.Equal(start) {
			t.Errorf("%s has the time %v", e.Type, e.Time)
		}
	}
	for _, err := range errs {
		fmt.Fprintf(&logged, "%v %+v %#v %q\n", err, err, err, err)
	}
	for _, p := range pairs {
		leaks(t, logged.String(), p)
	}
	for _, typ := range []token.EventType{
		token.EventLogin, token.EventLoginRefused, token.EventEvicted, token.EventVerified, token.EventRefused, token.EventRefreshed,
		token.EventReplayed, token.EventReused, token.EventRefreshRefused, token.EventRevoked,
	} {
		if k.events.count(typ) == 0 {
			t.Errorf("nothing told of %s", typ)
		}
		if !strings.Contains(logged.String(), "jeton: "+string(typ)) {
			t.Errorf("nothing logged of %s", typ)
		}
	}
	if len(errs) < 8 {
		t.Errorf("only %d errors on the way", len(errs))
	}
}

func TestEventsSayWhoAndWhy(t *testing.T) {
	k := newKit(t, setup{})
	p := must(k.issuer.Login(t.Context(), ann, token.LoginOptions{Class: "web"}))
	id := must(k.verifier.Parse(t.Context(), p.Access.Reveal())).ID()
	noErr(t, k.revoker.Session(t.Context(), ann, p.Session.ID, "kicked out"))
	wantErr(t, k.verify(p), token.ErrRevoked)
	wantErr(t, k.verify(token.Pair{}), token.ErrMalformed)
	want := []token.Event{
		{Type: token.EventLogin, Subject: ann, SessionID: p.Session.ID, Class: "web"},
		{Type: token.EventRevoked, Subject: ann, SessionID: p.Session.ID, Scope: token.ScopeSession, Reason: "kicked out"},
		{Type: token.EventRefused, Subject: ann, SessionID: p.Session.ID, TokenID: id, Reason: "revoked"},
		{Type: token.EventRefused, Reason: "malformed"},
	}
	got := k.events.list()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for n, e := range got {
		if failed := e.Type == token.EventRefused; failed != (e.Err != nil) {
			t.Errorf("%s has the error %v", e.Type, e.Err)
		}
		var r *token.RefusedError
		if n == 2 && (!errors.As(e.Err, &r) || r.Reason != "kicked out") {
			t.Errorf("the refusal does not say why the session was revoked: %v", e.Err)
		}
		e.Err, e.Time = nil, want[n].Time
		if e != want[n] {
			t.Errorf("event %d is\n%+v, want\n%+v", n, e, want[n])
		}
	}
}

func TestLogLevels(t *testing.T) {
	var b bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log := token.LogEvents(nil)
	for typ, want := range map[token.EventType]string{
		token.EventVerified: "DEBUG", token.EventLogin: "INFO", token.EventReused: "WARN", token.EventFailed: "ERROR",
	} {
		b.Reset()
		log(t.Context(), token.Event{Type: typ, Subject: ann, Reason: "line\nbreak"})
		if line := b.String(); !strings.Contains(line, "level="+want) || strings.Contains(line, "ann") || strings.Count(line, "\n") != 1 {
			t.Errorf("%s is logged as %s", typ, line)
		}
	}
}

func TestNobodyNeedsToListen(t *testing.T) {
	s := newMemory(t, newClock().Now)
	clock := newClock()
	i := must(token.NewIssuer(s, issuerName, must(token.HS256(keyID, secret)), &token.IssuerOptions{Now: clock.Now}))
	p := must(i.Login(t.Context(), ann, token.LoginOptions{}))
	must(i.Refresh(t.Context(), p.Refresh.Reveal(), token.RefreshOptions{}))
	noErr(t, must(token.NewRevoker(s, nil)).Subject(t.Context(), ann, ""))
}

func TestCodes(t *testing.T) {
	all := []error{
		token.ErrTooLong, token.ErrMalformed, token.ErrCritical, token.ErrKey, token.ErrSignature, token.ErrType, token.ErrIssuer,
		token.ErrAudience, token.ErrExpired, token.ErrNotYetValid, token.ErrLifetime, token.ErrRevoked, token.ErrUnknownSession, token.ErrReused,
	}
	seen := map[string]bool{"": true}
	for n, err := range all {
		code := token.Code(fmt.Errorf("wrapped: %w", &token.RefusedError{Err: err}))
		if seen[code] || err.Error() == "" {
			t.Errorf("%q has no code or text of its own", code)
		}
		seen[code] = true
		if !errors.Is(err, token.ErrInvalidToken) {
			t.Errorf("%s does not match ErrInvalidToken", code)
		}
		for o, other := range all {
			if (o == n) != errors.Is(err, other) {
				t.Errorf("%s matches %v", code, other)
			}
		}
	}
	for _, err := range []error{nil, store.ErrUnavailable, store.ErrRevoked, context.Canceled, token.ErrInvalidToken} {
		if code := token.Code(err); code != "" {
			t.Errorf("%v has the code %q", err, code)
		}
	}
}
