package conformance

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// folding maps the subjects of a store before they reach it.
func folding(subject func(store.Subject) store.Subject) hooks {
	return hooks{wrap: func(s *handle) store.TokenStore { return &renamed{s, subject, sameID} }}
}

// trimmed is a text without what stands at its end, but never nothing.
func trimmed(text, end string) string {
	if short := strings.TrimRight(text, end); short != "" {
		return short
	}
	return text
}

// sameText is what a comparison without case takes two texts for.
func sameText(a, b string) bool { return a != b && strings.EqualFold(a, b) }

// alikeMutants take for the same what only looks so.
var alikeMutants = []mutant{
	{"ids/alike", "ids end at a NUL, where there is more behind it", hooks{wrap: func(s *handle) store.TokenStore {
		return &renamed{s, sameSubject, func(id string) string {
			if i := strings.Index(id, "\x00"); i > 0 && i < len(id)-1 && len(id) < 8 {
				return id[:i]
			}
			return id
		}}
	}}},
	{"ids/alike-subjects", "spaces at the end of a name are lost", folding(func(sub store.Subject) store.Subject {
		sub.Name = trimmed(sub.Name, " ")
		return sub
	})},
	{"ids/alike-subjects", "realms have no case", folding(func(sub store.Subject) store.Subject {
		if strings.EqualFold(sub.Realm, "id") {
			sub.Realm = "id"
		}
		return sub
	})},
	{"ids/alike-subjects", "a slash at the end of an issuer is lost", folding(func(sub store.Subject) store.Subject {
		sub.Issuer = trimmed(sub.Issuer, "/")
		return sub
	})},
	{"ids/alike-subjects", "the last byte of a long name is lost", folding(func(sub store.Subject) store.Subject {
		if len(sub.Name) == store.MaxNameLen && sub.Issuer == "" && sub.Realm == "" {
			sub.Name = sub.Name[:store.MaxNameLen-1]
		}
		return sub
	})},
	{"ids/alike-subjects", "a letter is the same in NFC and NFD", folding(func(sub store.Subject) store.Subject {
		sub.Realm = strings.ReplaceAll(sub.Realm, "A\u030a", "Å")
		return sub
	})},
	{"ids/alike-classes", "a class has no case in Others", revokeIn(func(s *handle, r *store.Revocation) {
		if r.Check() != nil || r.Others == nil || r.Others.Class == "" {
			return
		}
		for _, rec := range s.w.alive(r.Subject) {
			if sameText(rec.Class, r.Others.Class) {
				_ = s.w.Revoke(background, store.Revocation{Subject: r.Subject, IDs: []string{rec.ID}})
			}
		}
	})},
	{"ids/alike-classes", "spaces at the end of a class do not count against a limit", issueOut(func(s *handle, r store.IssueRequest, out *store.Issued) {
		for _, rec := range s.w.alive(r.Record.Subject) {
			if r.Limit.MaxPerClass == 1 && rec.Class != r.Record.Class && trimmed(rec.Class, " ") == trimmed(r.Record.Class, " ") {
				s.evict(rec)
				out.Evicted = append(out.Evicted, rec)
			}
		}
	})},
	{"ids/alike-metadata", "metadata keys have no case", issueIn(func(_ *handle, r *store.IssueRequest) {
		m := maps.Clone(r.Record.Metadata)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if lower := strings.ToLower(k); lower != k && m[lower] != "" {
				m[lower] = m[k]
				delete(m, k)
			}
		}
		r.Record.Metadata = m
	})},
	{"ids/alike-metadata", "an Update that differs in case is a repeat", hooks{update: func(s *handle, ctx context.Context, r store.UpdateRequest) (store.Record, error) {
		rec, err := s.w.Update(ctx, r)
		cur := s.w.peek(r.Subject, r.ID)
		same := func(a, b string) bool { return strings.EqualFold(a, b) }
		if errors.Is(err, store.ErrConflict) && cur.Record.Version == r.Version+1 && r.ExpiresAt.IsZero() && maps.EqualFunc(cur.Record.Metadata, r.Metadata, same) {
			return cur.Record, nil
		}
		return rec, err
	}}},
	{"ids/alike-bindings", "bindings have no case", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if sameText(r.Binding, cur.Binding) {
			r.Binding = cur.Binding
		}
	})},
	{"ids/alike-bindings", "spaces at the end of a binding are lost", rotateIn(func(_ *handle, r *store.RotateRequest, cur store.Record) {
		if r.Binding != "" && trimmed(r.Binding, " ") == trimmed(cur.Binding, " ") {
			r.Binding = cur.Binding
		}
	})},
}
