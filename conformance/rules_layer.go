package conformance

import (
	"errors"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var layerRules = []rule{
	{"layer/faces", "A layer has every face, so that none of what it wraps is lost; one that what it wraps has not is ErrUnsupported.", layered, layerFaces},
	{"layer/unwrap", "Unwrap leads to a backend, and not round in a circle.", layered, layerUnwrap},
	{"layer/capabilities", "A layer claims no more than what it wraps.", layered, layerCapabilities},
	{"layer/close", "A layer closes what it wraps.", layered, layerClose},
	{"layer/stats", "A layer's Stats come first, then all of what it wraps.", layered, layerStats},
}

// inner is what the rule's layer wraps.
func (e *env) inner() store.TokenStore {
	u, _ := e.s.(store.Unwrapper)
	s := u.Unwrap()
	e.Expect(s).NotTo(BeNil(), "Unwrap")
	return s
}

func layerFaces(e *env) {
	inner := e.inner()
	_, feed := e.s.(store.Feed)
	_, lists := e.s.(store.SubjectLister)
	_, sweeper := e.s.(store.Sweeper)
	_, pinger := e.s.(store.Pinger)
	_, stats := e.s.(store.StatsReporter)
	for face, has := range map[string]bool{"Feed": feed, "SubjectLister": lists, "Sweeper": sweeper, "Pinger": pinger, "StatsReporter": stats} {
		e.Expect(has).To(BeTrue(), "the layer must have a "+face)
	}
	for face, ask := range map[string]func(store.TokenStore) error{
		"Feed": func(s store.TokenStore) error {
			f, err := store.FeedOf(s)
			if err != nil {
				return err
			}
			_, err = f.Partitions(e.ctx)
			return err
		},
		"Subjects": func(s store.TokenStore) error {
			for _, err := range store.Subjects(e.ctx, s) {
				return err
			}
			return nil
		},
		"Sweep": func(s store.TokenStore) error { _, err := store.Sweep(e.ctx, s); return err },
	} {
		has := !errors.Is(ask(inner), errors.ErrUnsupported)
		e.Expect(!errors.Is(ask(e.s), errors.ErrUnsupported)).To(Equal(has), "%s must be supported exactly if what the layer wraps supports it", face)
	}
}

func layerUnwrap(e *env) {
	s := e.s
	for range 100 {
		u, ok := s.(store.Unwrapper)
		if !ok {
			return
		}
		s = u.Unwrap()
		e.Expect(s).NotTo(BeNil(), "Unwrap")
	}
	e.Expect("100 layers").To(BeEmpty(), "Unwrap must lead to a backend")
}

func layerCapabilities(e *env) {
	outer, inner := e.s.Capabilities(), e.inner().Capabilities()
	for what, c := range map[string]struct{ outer, inner bool }{
		"Durable": {outer.Durable, inner.Durable}, "Shared": {outer.Shared, inner.Shared}, "NeverEvicts": {outer.NeverEvicts, inner.NeverEvicts},
	} {
		e.Expect(!c.outer || c.inner).To(BeTrue(), "the layer claims %s, what it wraps does not", what)
	}
	e.Expect(outer.MaxTokenLife).To(Equal(inner.MaxTokenLife), "MaxTokenLife belongs to the keyspace")
	e.Expect(outer.Precision).To(Equal(inner.Precision), "Precision belongs to the backend")
}

func layerClose(e *env) {
	inner := e.inner()
	e.Expect(e.s.Close()).To(Succeed())
	_, err := inner.Lookup(e.ctx, ann)
	e.Expect(err).To(MatchError(store.ErrClosed), "what the layer wraps")
}

func layerStats(e *env) {
	inner, outer := store.Stats(e.inner()), store.Stats(e.s)
	e.Expect(len(outer)).To(BeNumerically(">=", len(inner)))
	tail := outer[len(outer)-len(inner):]
	for i := range inner {
		e.Expect(tail[i].Name).To(Equal(inner[i].Name))
	}
}
