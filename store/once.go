package store

import (
	"context"
	"fmt"
	"time"
)

// onceID is the id of the one record of a nonce's ledger.
const onceID = "once"

// Once takes a nonce: nil the first time, [ErrExists] until the time until afterwards, whoever asks. scope keeps the
// nonces of different uses apart (0 to [MaxNameLen] bytes; nonce 1 to [MaxNameLen]). until is as [Record].ExpiresAt.
// After an error other than ErrExists and ErrInvalid the nonce may have been taken: refuse it.
func Once(ctx context.Context, s TokenStore, scope, nonce string, until time.Time) error {
	_, err := s.Issue(ctx, IssueRequest{Record: Record{
		ID:        onceID,
		Subject:   Subject{Kind: KindOnce, Realm: scope, Name: nonce},
		Link:      NewLink(),
		ExpiresAt: until,
		Deadline:  until,
	}})
	return err
}

// Taken reports whether [Once] took a nonce, and its time has not passed. It takes nothing, so that two callers may both
// hear that it is free, and a layer may answer as of a moment ago: it spares work, and only Once decides.
func Taken(ctx context.Context, s TokenStore, scope, nonce string) (bool, error) {
	state, err := s.Lookup(ctx, Subject{Kind: KindOnce, Realm: scope, Name: nonce}, onceID)
	if err != nil {
		return false, err
	}
	if len(state.Entries) != 1 {
		return false, fmt.Errorf("%w: one id was asked for, and %d answers came", ErrCorrupt, len(state.Entries))
	}
	return state.Entries[0].Status != Unknown, nil
}
