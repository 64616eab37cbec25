package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jetonkit/jeton/store"
)

// renamed maps the subjects of a store onto others before they reach it, and back.
type renamed struct {
	*handle
	subject func(store.Subject) store.Subject
	id      func(string) string
}

func (s *renamed) Issue(ctx context.Context, r store.IssueRequest) (store.Issued, error) {
	asked := r.Record
	r.Record.Subject, r.Record.ID = s.subject(asked.Subject), s.id(asked.ID)
	out, err := s.handle.Issue(ctx, r)
	out.Record.Subject, out.Record.ID = asked.Subject, asked.ID
	return out, err
}

func (s *renamed) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	var mapped []string
	for _, id := range ids {
		mapped = append(mapped, s.id(id))
	}
	st, err := s.handle.Lookup(ctx, s.subject(subject), mapped...)
	for i := range st.Entries {
		if en := &st.Entries[i]; en.Status == store.Live {
			en.Record.Subject, en.Record.ID = subject, ids[i]
		}
	}
	return st, err
}

func (s *renamed) List(ctx context.Context, subject store.Subject, p store.Page) (store.Records, error) {
	out, err := s.handle.List(ctx, s.subject(subject), p)
	for i := range out.Items {
		out.Items[i].Subject = subject
	}
	return out, err
}

func (s *renamed) Revoke(ctx context.Context, r store.Revocation) error {
	r.Subject, r.IDs = s.subject(r.Subject), slices.Clone(r.IDs)
	for i := range r.IDs {
		r.IDs[i] = s.id(r.IDs[i])
	}
	return s.handle.Revoke(ctx, r)
}

func sameID(id string) string                   { return id }
func sameSubject(s store.Subject) store.Subject { return s }

var idsMutants = []mutant{
	{"ids/any-bytes", "names are trimmed", issueOut(func(_ *handle, _ store.IssueRequest, out *store.Issued) {
		out.Record.Subject.Name = strings.TrimSpace(out.Record.Subject.Name)
	})},
	{"ids/256-bytes", "Touch of a bad id is nil", hooks{touch: func(s *handle, ctx context.Context, r store.TouchRequest) error {
		err := s.w.Touch(ctx, r)
		if errors.Is(err, store.ErrInvalid) && r.ExpiresAt.IsZero() && r.Subject.Name != "" {
			return nil
		}
		return err
	}}},
	{"ids/prefixes", "\"*\" is everybody", hooks{forget: func(s *handle, ctx context.Context, subject store.Subject) error {
		if subject.Name != "a*" {
			return s.w.Forget(ctx, subject)
		}
		for other, err := range s.w.Subjects(ctx) {
			if err == nil && strings.HasPrefix(other.Name, "a") {
				_ = s.w.Forget(ctx, other)
			}
		}
		return nil
	}}},
	{"ids/parts", "realm and name are joined", hooks{wrap: func(s *handle) store.TokenStore {
		return &renamed{s, func(sub store.Subject) store.Subject {
			if sub.Realm != "" && len(sub.Realm)+len(sub.Name) <= store.MaxNameLen && sub.Name != "" {
				sub.Name, sub.Realm = sub.Realm+sub.Name, ""
			}
			return sub
		}, sameID}
	}}},
	{"ids/alike", "ids have no case", hooks{wrap: func(s *handle) store.TokenStore {
		return &renamed{s, sameSubject, func(id string) string {
			if len(id) == len(store.NewID()) {
				return id
			}
			return strings.ToLower(id)
		}}
	}}},
}

var codecMutants = []mutant{
	{"codec/copies-in", "the metadata of Issue is the caller's map", func() hooks {
		h := issueOut(func(s *handle, r store.IssueRequest, out *store.Issued) {
			if r.Record.Metadata != nil {
				s.w.set("map", key(out.Record.Subject, out.Record.ID), r.Record.Metadata)
			}
		})
		return both(h, entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
			if m, ok := s.w.get("map", key(subject, id)).(map[string]string); ok && en.Status == store.Live && en.Record.Version == 0 {
				en.Record.Metadata = m
			}
		}))
	}()},
	{"codec/copies-out", "Lookup tells one map to everybody", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		k := fmt.Sprint(key(subject, id), en.Record.Version, en.Record.Seq)
		if m, ok := s.w.get("map", k).(map[string]string); ok {
			en.Record.Metadata = m
		} else if en.Record.Metadata != nil {
			s.w.set("map", k, en.Record.Metadata)
		}
	})},
	{"codec/answers-stay", "List tells from memory that is used again", func() hooks {
		h := listOut(func(s *handle, _ store.Subject, _ store.Page, out *store.Records) { s.w.set("page", "", out.Items) })
		h.update = func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
			if items, ok := s.w.get("page", "").([]store.Record); ok && len(r.Metadata["k"]) > 400 {
				clear(items)
			}
			return s.w.Update(ctx, r)
		}
		return h
	}()},
	{"codec/largest-record", "reasons are cut at 63 bytes", entryOut(func(_ *handle, _ store.Subject, _ string, en *store.Entry, _ store.State) {
		en.Reason = en.Reason[:min(63, len(en.Reason))]
	})},
	{"codec/errors-tell-no-names", "a conflict tells whose", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		rec, err := s.w.Update(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			err = fmt.Errorf("update %q: %w", r.ID, err)
		}
		return rec, err
	}}},
	{"codec/large-ledger", "what does not fit into 64 KiB is cut off", hooks{issue: func(s *handle, ctx context.Context, r store.IssueRequest) (store.Issued, error) {
		size := 0
		for _, rec := range s.w.past(r.Record.Subject) {
			size += len(rec.Metadata["k"])
		}
		if m := r.Record.Metadata["k"]; size+len(m) > 64<<10 {
			r.Record.Metadata = map[string]string{"k": m[:64<<10-size]}
		}
		return s.w.Issue(ctx, r)
	}}},
	{"codec/large-ledger", "a session that does not fit is not there", entryOut(func(s *handle, subject store.Subject, _ string, en *store.Entry, _ store.State) {
		if en.Status == store.Live && len(en.Record.Metadata["k"]) > 1000 && len(s.w.alive(subject)) > 200 {
			*en = store.Entry{}
		}
	})},
}

// errNoAnswer is a plain network error: it says nothing to a caller.
var errNoAnswer = errors.New("connection refused")

var outageMutants = []mutant{
	{"outage/unavailable", "an outage is some error", hooks{outage: func(context.Context) error { return errNoAnswer }}},
	{"outage/unavailable", "an outage looks like unknown", hooks{wrap: func(s *handle) store.TokenStore { return hopeful{s} }}},
	{"outage/deadline", "a call waits for the backend", hooks{outage: func(ctx context.Context) error {
		select {
		case <-time.After(2500 * time.Millisecond):
		case <-context.WithoutCancel(ctx).Done():
		}
		return store.ErrUnavailable
	}}},
	{"outage/recovers", "an outage forgets revocations", entryOut(func(s *handle, subject store.Subject, id string, en *store.Entry, _ store.State) {
		for _, old := range s.w.past(subject) {
			if old.ID == id && en.Status == store.Revoked && s.w.wasDown() {
				*en = store.Entry{Status: store.Live, Record: old}
			}
		}
	})},
}

// hopeful answers Unknown where it cannot ask.
type hopeful struct{ *handle }

func (s hopeful) Lookup(ctx context.Context, subject store.Subject, ids ...string) (store.State, error) {
	st, err := s.handle.Lookup(ctx, subject, ids...)
	if errors.Is(err, store.ErrUnavailable) {
		return store.State{Entries: make([]store.Entry, len(ids))}, nil
	}
	return st, err
}
