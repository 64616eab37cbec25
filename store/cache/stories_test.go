package storecache

import "github.com/jetonkit/jeton/store"

// story is what is told in every order. A large one is told by make proofs.
type story struct {
	name  string
	parts int // of the feed; 0 for none
	large bool
	tell  func(w *world)
}

func stories() []story {
	var all []story
	for _, verb := range []string{"forget", "update", "rotate", "limited issue"} {
		all = append(all, story{verb + " and a reader", 1, false, func(w *world) {
			w.reader("reader", ann, 2)
			w.local(verb)
			w.evicts(1)
		}})
	}
	for _, verb := range []string{"revoke", "forget", "update", "rotate", "limited issue"} {
		all = append(all, story{verb + " with a lost reply, and a reader", 1, false, func(w *world) {
			w.toy.fail = store.ErrUnavailable
			w.reader("reader", ann, 2)
			w.local(verb)
		}})
	}
	return append(all, []story{
		{listed, 1, false, func(w *world) {
			w.listed = true
			w.reader("reader", ann, 1)
			w.holder("holder", ann)
			w.local("revoke")
		}},
		{"two readers and a revoker", 1, false, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 2)
			w.local("revoke")
		}},
		{"a stamp, another process's revoker and the feed", 1, false, func(w *world) {
			w.holder("holder", ann)
			w.remote()
			w.follower(1)
			w.ticks(2)
		}},
		{"a reader that asks again, another process's revoker and the feed", 1, false, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.follower(1)
			w.ticks(1)
		}},
		{"a feed that loses the event", 1, false, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.trims()
			w.follower(1)
			w.ticks(1)
		}},
		{"no feed", 0, false, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 2)
			w.remote()
			w.ticks(1)
		}},
		{"a login and two readers", 1, false, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 2)
			w.login()
		}},
		{"another process's login", 1, false, func(w *world) {
			w.reader("reader 1", ann, 2)
			w.otherLogin()
			w.follower(1)
			w.ticks(1)
		}},
		{"a session that another process slides", 1, false, func(w *world) {
			w.reader("reader 1", ann, 2)
			w.slides()
			w.follower(1)
		}},
		{"an engine that mixes keys up", 1, false, func(w *world) {
			w.queue.single = true
			w.reader("reader 1", ann, 2)
			w.reader("reader 2", bob, 1)
		}},

		{"a reader that asks again, a stamp and a revoker", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.holder("holder", ann)
			w.local("revoke")
		}},
		{"a reader that asks again, another process's revoker, the feed and more time", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.follower(1)
			w.ticks(2)
		}},
		{"two readers, another process's revoker and the feed", 1, true, func(w *world) {
			w.reader("reader 1", ann, 1)
			w.reader("reader 2", ann, 1)
			w.remote()
			w.follower(1)
			w.ticks(1)
		}},
		{"a stamp, another process's revoker and a feed that is polled again", 1, true, func(w *world) {
			w.holder("holder", ann)
			w.remote()
			w.follower(2)
			w.ticks(2)
		}},
		{"a reader that asks again, another process's revoker and a feed that is polled again", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.follower(2)
			w.ticks(1)
		}},
		{"a feed that loses the event and is polled again", 1, true, func(w *world) {
			w.reader("reader", ann, 2)
			w.remote()
			w.trims()
			w.follower(2)
			w.ticks(1)
		}},
	}...)
}
