package conformance

import (
	"context"
	"errors"
	"regexp"
	"time"

	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var opsRules = []rule{
	{"ops/close", "After Close every method and face is ErrClosed, and closing twice is nil.", 0, opsClose},
	{"ops/cancelled", "With a cancelled context every method and face answers with the context's error and has changed nothing.", 0, opsCancelled},
	{"ops/context-first", "An ended context is told before bad input, and so is a closed store.", 0, opsContextFirst},
	{"ops/errors-name-the-verb", "An error is a store.Error that names the verb and the subject's digest.", 0, opsErrors},
	{"ops/capabilities", "Capabilities tells Precision and MaxTokenLife, without which an issuer refuses the store, and the same each time.", 0, opsCapabilities},
	{"ops/ping", "Ping of a store that answers is nil.", 0, opsPing},
	{"ops/stats", "Stats are counters with names in snake case, each once.", 0, opsStats},
	{"ops/once", "Once takes a nonce one time until its end, whoever asks, and each scope has its own.", waits, opsOnce},
	{"ops/once-unlisted", "A nonce is no subject that is enumerated.", subjects, opsOnceUnlisted},
	{"ops/subjects", "Subjects yields every subject with a live session once, as it was given, and stops when told to.", subjects, opsSubjects},
	{"ops/sweep", "Sweep removes what is dead and never what could still bar a token or still lives.", travels | sweeps | marks, opsSweep},
	{"ops/reopen", "What was acknowledged is there after a restart: records, cut, keep, floor, marks and the Ops of cuts.", reopens, opsReopen},
	{"ops/reopen-order", "After a restart Seq goes on growing.", reopens, opsReopenOrder},
	{"ops/second-handle", "What one handle writes another sees, and their writes compare with one another.", doubles, opsSecondHandle},
}

// verb is a method or face, called in a way that would succeed.
type verb struct {
	name string
	call func(ctx context.Context, s store.TokenStore) error
}

// verbs are all the methods and faces that can fail, over a live session of ann.
func (e *env) verbs(rec store.Record) []verb {
	end, req := e.now().Add(2*time.Hour), e.request()
	list := []verb{
		{"issue", func(ctx context.Context, s store.TokenStore) error { _, err := s.Issue(ctx, req); return err }},
		{"lookup", func(ctx context.Context, s store.TokenStore) error { _, err := s.Lookup(ctx, ann, rec.ID); return err }},
		{"list", func(ctx context.Context, s store.TokenStore) error {
			_, err := s.List(ctx, ann, store.Page{})
			return err
		}},
		{"rotate", func(ctx context.Context, s store.TokenStore) error {
			_, err := s.Rotate(ctx, e.presenting(rec))
			return err
		}},
		{"update", func(ctx context.Context, s store.TokenStore) error {
			_, err := s.Update(ctx, edit(rec, map[string]string{"k": "v"}))
			return err
		}},
		{"touch", func(ctx context.Context, s store.TokenStore) error {
			return s.Touch(ctx, store.TouchRequest{Subject: ann, ID: rec.ID, ExpiresAt: end})
		}},
		{"revoke", func(ctx context.Context, s store.TokenStore) error {
			return s.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{rec.ID}})
		}},
		{"forget", func(ctx context.Context, s store.TokenStore) error { return s.Forget(ctx, ann) }},
		{"ping", store.Ping},
		{"subjects", func(ctx context.Context, s store.TokenStore) error {
			for _, err := range store.Subjects(ctx, s) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"sweep", func(ctx context.Context, s store.TokenStore) error { _, err := store.Sweep(ctx, s); return err }},
	}
	if feed, err := store.FeedOf(e.s); err == nil {
		list = append(list, verb{"poll", func(ctx context.Context, _ store.TokenStore) error {
			_, err := feed.Poll(ctx, 0, store.Position{})
			return err
		}}, verb{"listen", func(ctx context.Context, _ store.TokenStore) error { return feed.Listen(ctx, func(store.Bell) {}) }})
	}
	return list
}

func opsClose(e *env) {
	verbs := e.verbs(e.login())
	e.Expect(e.s.Close()).To(Succeed())
	for _, v := range verbs {
		if err := v.call(e.ctx, e.s); !errors.Is(err, errors.ErrUnsupported) {
			e.Expect(err).To(MatchError(store.ErrClosed), v.name+" after Close")
		}
	}
	e.Expect(e.s.Close()).To(Succeed(), "the second Close")
}

func opsCancelled(e *env) {
	rec := e.login()
	same := e.unchanged(ann, rec.ID)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	for _, v := range e.verbs(rec) {
		if err := v.call(ctx, e.s); !errors.Is(err, errors.ErrUnsupported) {
			e.Expect(err).To(MatchError(context.Canceled), v.name+" with a cancelled context")
		}
		same(v.name + " with a cancelled context must change nothing")
	}
}

func opsContextFirst(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	bad := map[string]func(context.Context) error{
		"issue":  func(ctx context.Context) error { _, err := e.s.Issue(ctx, store.IssueRequest{}); return err },
		"lookup": func(ctx context.Context) error { _, err := e.s.Lookup(ctx, store.Subject{}); return err },
		"list":   func(ctx context.Context) error { _, err := e.s.List(ctx, ann, store.Page{Limit: -1}); return err },
		"rotate": func(ctx context.Context) error { _, err := e.s.Rotate(ctx, store.RotateRequest{}); return err },
		"update": func(ctx context.Context) error { _, err := e.s.Update(ctx, store.UpdateRequest{}); return err },
		"touch":  func(ctx context.Context) error { return e.s.Touch(ctx, store.TouchRequest{}) },
		"revoke": func(ctx context.Context) error { return e.s.Revoke(ctx, store.Revocation{}) },
		"forget": func(ctx context.Context) error { return e.s.Forget(ctx, store.Subject{}) },
	}
	for name, call := range bad {
		e.Expect(call(e.ctx)).To(MatchError(store.ErrInvalid), name)
		e.Expect(call(ctx)).To(MatchError(context.Canceled), name+" with a cancelled context")
	}
	e.Expect(e.s.Close()).To(Succeed())
	for name, call := range bad {
		e.Expect(call(e.ctx)).To(MatchError(store.ErrClosed), name+" after Close")
	}
}

func opsErrors(e *env) {
	rec := e.login()
	rotate, held := e.presenting(store.Record{Subject: ann, ID: "nothing", Link: e.link()}), e.request(withID(rec.ID))
	_, rotateErr := e.s.Rotate(e.ctx, rotate)
	_, issueErr := e.s.Issue(e.ctx, held)
	_, updateErr := e.s.Update(e.ctx, store.UpdateRequest{Subject: ann, ID: "nothing"})
	revokeErr := e.s.Revoke(e.ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: "nothing"}})
	for op, err := range map[string]error{"rotate": rotateErr, "issue": issueErr, "update": updateErr, "revoke": revokeErr} {
		var told *store.Error
		e.Expect(errors.As(err, &told)).To(BeTrue(), "%s: the chain must hold a store.Error: %v", op, err)
		e.Expect(told.Op).To(Equal(op), "Error.Op")
		e.Expect(told.Subject).To(Equal(ann.Digest()), "%s: Error.Subject", op)
		e.Expect(told.Store).NotTo(BeEmpty(), "%s: Error.Store", op)
	}
}

func opsCapabilities(e *env) {
	c := e.s.Capabilities()
	e.Expect(c.Precision).To(BeNumerically(">", 0), "Precision")
	e.Expect(c.MaxTokenLife).To(BeNumerically(">", 0), "MaxTokenLife: an issuer refuses a store that does not know it")
	e.login()
	e.Expect(e.s.Capabilities()).To(Equal(c))
}

func opsPing(e *env) { e.Expect(store.Ping(e.ctx, e.s)).To(Succeed()) }

var statName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func opsStats(e *env) {
	e.revokeIDs(e.login().ID)
	seen := map[string]bool{}
	for _, s := range store.Stats(e.s) {
		e.Expect(statName.MatchString(s.Name)).To(BeTrue(), "the name %q", s.Name)
		e.Expect(seen).NotTo(HaveKey(s.Name), "a name must come once")
		seen[s.Name] = true
	}
}

func opsOnce(e *env) {
	until := e.now().Add(4 * e.short())
	e.Expect(store.Once(e.ctx, e.s, "login", "n1", until)).To(Succeed())
	e.Expect(store.Once(e.ctx, e.s, "login", "n1", until)).To(MatchError(store.ErrExists), "a replay")
	e.Expect(store.Once(e.ctx, e.s, "login", "n1", until.Add(time.Hour))).To(MatchError(store.ErrExists), "a replay with another end")
	e.Expect(store.Once(e.ctx, e.s, "login", "n2", until)).To(Succeed(), "another nonce")
	e.Expect(store.Once(e.ctx, e.s, "other", "n1", until)).To(Succeed(), "another scope")
	e.Expect(store.Once(e.ctx, e.s, "", "n1", until)).To(Succeed(), "the empty scope")
	e.outlive(until)
	e.Expect(store.Once(e.ctx, e.s, "login", "n1", e.now().Add(time.Minute))).To(Succeed(), "after its end the nonce is free")
	e.refused(store.Once(e.ctx, e.s, "login", "", e.now().Add(time.Minute)), "an empty nonce")
}

func opsOnceUnlisted(e *env) {
	e.login()
	e.Expect(store.Once(e.ctx, e.s, "login", "n1", e.now().Add(time.Minute))).To(Succeed())
	e.Expect(e.known()).To(ConsistOf(ann))
}

func opsSubjects(e *env) {
	want := []store.Subject{
		ann,
		{Kind: store.KindKey, Name: "ann"},
		{Realm: "acme", Name: "ann"},
		{Issuer: "https://idp.example", Name: "ann"},
		{Kind: store.KindSID, Realm: "r", Issuer: "i", Name: "\x00\xff:{}*"},
	}
	for _, s := range want {
		e.login(of(s))
		e.login(of(s))
	}
	e.Expect(e.known()).To(ConsistOf(want))
	n := 0
	for _, err := range store.Subjects(e.ctx, e.s) {
		e.Expect(err).NotTo(HaveOccurred())
		if n++; n == 2 {
			break
		}
	}
	e.Expect(n).To(Equal(2))
	e.login() // a store that held a lock while yielding and lost it would hang here
}

func opsSweep(e *env) {
	gone, rec, bob := e.login(ttl(time.Minute)), e.login(ttl(1000*time.Hour)), e.login(of(store.User("bob")), ttl(time.Minute))
	marked, cut := e.login(ttl(time.Minute)), e.login(ttl(1000*time.Hour))
	token := own(rec)
	e.revokeOthers(rec.ID)
	e.revoke(store.Revocation{IDs: []string{marked.ID, "token"}, Reason: "stolen"})
	before := e.lookup()
	e.travel(e.maxTokenLife())
	_, err := store.Sweep(e.ctx, e.s)
	e.Expect(err).NotTo(HaveOccurred())
	after := e.lookup()
	before.Now, after.Now, before.Stamp, after.Stamp = time.Time{}, time.Time{}, store.Stamp{}, store.Stamp{}
	e.Expect(after).To(Equal(before), "cut, floor and keep must stay")
	e.live("a live session", rec)
	e.revoked("stolen", "a marked session", marked)
	e.Expect(e.lookup("token").Entries[0].Status).To(Equal(store.Revoked), "a marked token")
	e.Expect(e.verdict(ann, own(cut)).Alive).To(BeFalse(), "a token that the cut killed")
	e.Expect(e.verdict(ann, token).Alive).To(BeTrue(), "the kept session's token")
	e.dead("what has expired", gone, bob, cut)
}

func opsReopen(e *env) {
	rec, other := e.login(class("web"), bound("b"), metadata(map[string]string{"k": "v"})), e.login()
	req := e.presenting(rec)
	rec = e.rotate(store.RotateOK, req)
	e.update(edit(rec, map[string]string{"k": "w"}))
	e.touch(rec, rec.ExpiresAt.Add(time.Minute))
	e.revoke(store.Revocation{IDs: []string{"token"}, Reason: "leaked"})
	e.overflow()
	op := store.NewOp()
	e.revoke(store.Revocation{Others: &store.Others{Keep: rec.ID}, Op: op})
	e.login()
	asked := []string{rec.ID, other.ID, "token", "one too many", "nothing"}
	same := e.unchanged(ann, asked...)
	e.reopen()
	same("everything must be as before the restart")
	e.revoke(store.Revocation{Others: &store.Others{Keep: rec.ID}, Op: op})
	same("a repeat by its Op must be recognised after the restart")
	e.rotate(store.RotateOK, req)
	same("a repeat of a refresh must be recognised after the restart")
	e.refresh(e.record(rec))
}

func opsReopenOrder(e *env) {
	last := e.login()
	e.reopen()
	e.revokeAll()
	e.reopen()
	rec := e.login()
	e.Expect(rec.Seq).To(BeNumerically(">", last.Seq))
	e.live("a login after the restart", rec)
	e.dead("a session of before the revocation", last)
}

func opsSecondHandle(e *env) {
	first, second := e.s, e.second()
	rec := e.login()
	e.s = second
	e.Expect(plain(e.record(rec))).To(Equal(plain(rec)), "the other handle must see the session")
	cut := e.lookup().Cut
	young := e.refresh(rec)
	e.s = first
	e.rotate(store.Replayed, e.presenting(rec))
	e.update(edit(young, map[string]string{"k": "v"}))
	e.s = second
	_, err := e.s.Update(e.ctx, edit(young, map[string]string{"k": "w"}))
	e.Expect(err).To(MatchError(store.ErrConflict), "the other handle moved the version")
	e.revokeAll()
	e.s = first
	e.dead("what the other handle revoked", rec)
	_, err = e.s.Issue(e.ctx, e.request(ifCut(cut)))
	e.Expect(err).To(MatchError(store.ErrConflict), "the other handle moved the cut")
	e.s = second
	e.live("a login after it", e.login())
	e.s = first
}
