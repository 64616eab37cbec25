package token

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jetonkit/jeton/store"
)

// EventType says what happened. The texts do not change.
type EventType string

// The types of event.
const (
	// EventLogin: a session began.
	EventLogin EventType = "login"
	// EventLoginRefused: a login met the guard (store.ErrConflict) or the session limit (store.ErrLimit).
	EventLoginRefused EventType = "login_refused"
	// EventEvicted: a login's limit ended this session.
	EventEvicted EventType = "evicted"
	// EventVerified: an access token or an API key was accepted.
	EventVerified EventType = "verified"
	// EventServedStale: an access token was accepted during an outage, by what was known before it; see
	// VerifierOptions.ServeStale.
	EventServedStale EventType = "served_stale"
	// EventRefused: an access token or an API key was refused; Reason says why.
	EventRefused EventType = "refused"
	// EventRefreshed: a session was refreshed.
	EventRefreshed EventType = "refreshed"
	// EventReplayed: the refresh token before the current one was presented within the grace window and got the same
	// successor. Lost answers and races look like this, and a thief who was quick.
	EventReplayed EventType = "replayed"
	// EventRolledForward: a refresh token newer than its record was honoured: the store has lost a step in a failover.
	EventRolledForward EventType = "rolled_forward"
	// EventReused: an old refresh token was presented and its session was ended: somebody may have stolen it.
	EventReused EventType = "reused"
	// EventRefreshRefused: a refresh token was refused; Reason says why.
	EventRefreshRefused EventType = "refresh_refused"
	// EventRevoked: a [Revoker] or [APIKeys] barred a token or key, a session, all others, or everything; Scope says which.
	EventRevoked EventType = "revoked"
	// EventKeyCreated: an API key was made.
	EventKeyCreated EventType = "key_created"
	// EventKeyRefused: the making of an API key met the guard (store.ErrConflict) or a limit (store.ErrLimit).
	EventKeyRefused EventType = "key_refused"
	// EventFailed: the store, a key set or IssuerOptions.Claims could not answer. It says nothing about the token.
	EventFailed EventType = "failed"
)

// The scopes of an [EventRevoked].
const (
	// ScopeToken: one access token, or one API key.
	ScopeToken = "token"
	// ScopeSession: one session with its tokens.
	ScopeSession = "session"
	// ScopeOthers: every session but the one in SessionID.
	ScopeOthers = "others"
	// ScopeSubject: everything of the subject.
	ScopeSubject = "subject"
)

// Event tells what happened to a token or a session. It holds no secret. Fields that are not known, or not proven by a
// signature, are zero.
type Event struct {
	// Type says what happened.
	Type EventType
	// Time is when, by the program's clock.
	Time time.Time
	// Subject is whose.
	Subject store.Subject
	// SessionID is the session's id (sid).
	SessionID string
	// TokenID is the access token's id (jti), or an API key's.
	TokenID string
	// Class is the session's class.
	Class string
	// Rotation is how often the session had been refreshed.
	Rotation uint64
	// Scope says how much was revoked.
	Scope string
	// Reason is why: a refusal's [Code], or the reason of a revocation.
	Reason string
	// Err is the error that the caller got; nil where there was none.
	Err error
}

// LogValue shows the fields that are not empty. The subject is shown as its digest, as the errors of package store do.
func (e Event) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

func (e Event) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("event", string(e.Type))}
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	if e.Subject != (store.Subject{}) {
		text("subject", e.Subject.Digest().String())
	}
	text("session", e.SessionID)
	text("token", e.TokenID)
	text("class", e.Class)
	if e.Rotation > 0 {
		attrs = append(attrs, slog.Uint64("rotation", e.Rotation))
	}
	text("scope", e.Scope)
	text("reason", e.Reason)
	if e.Err != nil {
		text("error", e.Err.Error())
	}
	if r := (*RefusedError)(nil); errors.As(e.Err, &r) {
		text("revoked_for", r.Reason)
	}
	return attrs
}

// level says how loud an event is: an accepted token is the everyday, a reuse is an alarm.
func (e Event) level() slog.Level {
	switch e.Type {
	case EventVerified:
		return slog.LevelDebug
	case EventReused, EventRolledForward, EventServedStale:
		return slog.LevelWarn
	case EventFailed:
		return slog.LevelError
	case EventLogin, EventLoginRefused, EventEvicted, EventRefused, EventRefreshed, EventReplayed, EventRefreshRefused, EventRevoked,
		EventKeyCreated, EventKeyRefused:
	}
	return slog.LevelInfo
}

// LogEvents returns a function for the Events of options that logs each event: accepted tokens at debug level, reuse,
// roll-forward and what was served stale as warnings, outages as errors, the rest as information. A nil logger is slog.Default at the time of the
// event.
func LogEvents(l *slog.Logger) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		log := l
		if log == nil {
			log = slog.Default()
		}
		log.LogAttrs(ctx, e.level(), "jeton: "+string(e.Type), e.attrs()...)
	}
}

// teller hands events out, with their time.
type teller struct {
	events func(context.Context, Event)
	now    func() time.Time
}

func (t teller) tell(ctx context.Context, e Event) {
	if t.events == nil {
		return
	}
	e.Time = t.now()
	t.events(ctx, e)
}

// clock returns the given one, or the system's.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}
