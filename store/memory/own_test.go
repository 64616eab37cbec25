package memstore_test

import (
	"maps"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
)

// TestOwnBytes: a caller may change whatever it passed or got, and the store keeps what it had.
func TestOwnBytes(t *testing.T) {
	want := map[string]string{"k": "v"}
	scribble := func(m map[string]string) {
		for k := range m {
			m[k] = "scribbled"
		}
		m["more"] = "scribbled"
	}
	ctx := t.Context()
	request := func() store.IssueRequest {
		return store.IssueRequest{Record: store.Record{
			ID: "s", Subject: ann, Link: store.Link{1}, ExpiresAt: noon.Add(time.Hour), Metadata: maps.Clone(want),
		}}
	}
	for rule, do := range map[string]func(rig, store.IssueRequest){
		"the request of Issue": func(_ rig, req store.IssueRequest) { scribble(req.Record.Metadata) },
		"the answer of Issue's repeat": func(r rig, _ store.IssueRequest) {
			out, err := r.Issue(ctx, request())
			r.ok(err)
			scribble(out.Record.Metadata)
		},
		"the answer of Lookup": func(r rig, _ store.IssueRequest) { scribble(r.state(ann, "s").Entries[0].Record.Metadata) },
		"the answer of List": func(r rig, _ store.IssueRequest) {
			out, err := r.List(ctx, ann, store.Page{})
			r.ok(err)
			scribble(out.Items[0].Metadata)
		},
		"the answer of Rotate": func(r rig, _ store.IssueRequest) {
			for range 2 { // the second is a repeat
				out, err := r.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "s", Link: store.Link{1}, NextLink: store.Link{2}})
				r.ok(err)
				scribble(out.Record.Metadata)
			}
			out, err := r.Rotate(ctx, store.RotateRequest{Subject: ann, ID: "s", Link: store.Link{1}, NextLink: store.Link{3}, Grace: time.Minute})
			r.ok(err)
			scribble(out.Record.Metadata)
		},
		"the request and answer of Update": func(r rig, _ store.IssueRequest) {
			meta := maps.Clone(want)
			for range 2 { // the second is a repeat
				out, err := r.Update(ctx, store.UpdateRequest{Subject: ann, ID: "s", Metadata: meta})
				r.ok(err)
				scribble(out.Metadata)
			}
			scribble(meta)
		},
		"the victims of a limit": func(r rig, _ store.IssueRequest) {
			req := request()
			req.Record.ID, req.Limit = "t", store.Limit{Max: 1}
			out, err := r.Issue(ctx, req)
			r.ok(err)
			scribble(out.Evicted[0].Metadata)
			scribble(out.Record.Metadata)
			r.revoke(ann, "t")
			req.Record.ID, req.Limit = "s2", store.Limit{}
			_, err = r.Issue(ctx, req)
			r.ok(err)
		},
	} {
		t.Run(rule, func(t *testing.T) {
			r := newRig(t)
			req := request()
			out, err := r.Issue(ctx, req)
			r.ok(err)
			scribble(out.Record.Metadata)
			do(r, req)
			list, err := r.List(ctx, ann, store.Page{})
			r.ok(err)
			if len(list.Items) != 1 || !maps.Equal(list.Items[0].Metadata, want) {
				t.Errorf("the store holds %+v", list.Items)
			}
		})
	}
	t.Run("the ids of Revoke", func(t *testing.T) {
		r := newRig(t)
		ids := []string{"a", "b"}
		r.revoke(ann, ids...)
		ids[0] = "c"
		if st := r.state(ann, "a", "c"); st.Entries[0].Status != store.Revoked || st.Entries[1].Status != store.Unknown {
			t.Errorf("%+v", st.Entries)
		}
	})
}
