package conformance

import (
	. "github.com/onsi/gomega"

	"github.com/jetonkit/jeton/store"
)

var listRules = []rule{
	{"list/newest-first", "List tells the live records newest first, each as Lookup tells it.", waits, listNewestFirst},
	{"list/pages", "Pages hold at most Limit records, and together all of them once; only an empty Next is the end.", waits, listPages},
	{"list/ties", "Records of one instant have one order too: pages neither repeat nor lose them.", frozen, listTies},
	{"list/pages-meanwhile", "A session that lives throughout is told once, whatever is issued and revoked between two pages.", waits, listMeanwhile},
	{"list/live-only", "What expired, was revoked, evicted or cut is not listed.", waits, listLiveOnly},
	{"list/nothing-hidden", "Every login is listed, and revoking what is listed leaves nothing alive: there is no second index to drift.", 0, listNothingHidden},
	{"list/default-page", "A zero Limit is a page of 100.", 0, listDefaultPage},
	{"list/limits", "A Limit outside 0 to 1000 and a cursor that is none are ErrInvalid.", 0, listLimits},
}

func listNewestFirst(e *env) {
	recs := e.logins(4)
	e.refresh(recs[0]) // a refresh moves nothing in the order
	listed := e.list(ann, 0)
	e.Expect(ids(listed)).To(Equal([]string{recs[3].ID, recs[2].ID, recs[1].ID, recs[0].ID}))
	for _, r := range listed {
		e.Expect(plain(r)).To(Equal(plain(e.record(r))), "List must tell a record as Lookup does")
	}
}

func listPages(e *env) {
	recs := e.logins(7)
	for _, size := range []int{1, 3, 7, 8} {
		got := ids(e.list(ann, size))
		e.Expect(got).To(HaveLen(len(recs)), "pages of %d", size)
		for i := range got {
			e.Expect(got[i]).To(Equal(recs[len(recs)-1-i].ID), "pages of %d, record %d", size, i)
		}
	}
}

func listTies(e *env) {
	var want []string
	for range 9 {
		want = append(want, e.login().ID)
	}
	whole := ids(e.list(ann, 0))
	e.Expect(whole).To(ConsistOf(want))
	for _, size := range []int{1, 2, 4} {
		e.Expect(ids(e.list(ann, size))).To(Equal(whole), "pages of %d must keep the order of the whole", size)
	}
}

func listMeanwhile(e *env) {
	recs := e.logins(8)
	var told []string
	page := store.Page{Limit: 2}
	for i := range 20 {
		got, err := e.s.List(e.ctx, ann, page)
		e.Expect(err).NotTo(HaveOccurred())
		told = append(told, ids(got.Items)...)
		if got.Next == "" {
			break
		}
		page.Cursor = got.Next
		switch i {
		case 0:
			e.login()
			e.revokeIDs(recs[7].ID, recs[6].ID) // both told already, one of them the cursor's
		case 1:
			e.revokeIDs(recs[3].ID) // yet to come
		}
	}
	for _, i := range []int{0, 1, 2, 4, 5} {
		e.Expect(told).To(ContainElement(recs[i].ID), "a session that lives throughout must be told")
	}
	seen := map[string]bool{}
	for _, id := range told {
		e.Expect(seen).NotTo(HaveKey(id), "no session may be told twice")
		seen[id] = true
	}
}

func listLiveOnly(e *env) {
	e.login()
	e.revokeAll()
	e.login(class("tv"))
	e.login(class("tv"), limited(store.Limit{MaxPerClass: 1}))
	e.revokeIDs(e.login().ID)
	e.outlive(e.login(ttl(e.short())).ExpiresAt)
	listed := e.list(ann, 0)
	e.Expect(listed).To(HaveLen(1), "one session lives")
	e.live("what is listed must live", listed...)
}

func listNothingHidden(e *env) {
	recs := e.crowd(15)
	listed := e.list(ann, 4)
	e.Expect(ids(listed)).To(ConsistOf(ids(recs)), "every login must be listed")
	e.revokeIDs(ids(listed)...)
	e.dead("a listed session that was revoked must be dead", recs...)
	e.Expect(e.list(ann, 0)).To(BeEmpty())
}

func listDefaultPage(e *env) {
	e.crowd(store.DefaultPage + 5)
	got, err := e.s.List(e.ctx, ann, store.Page{})
	e.Expect(err).NotTo(HaveOccurred())
	e.Expect(got.Items).To(HaveLen(store.DefaultPage))
	e.Expect(got.Next).NotTo(BeEmpty())
	got, err = e.s.List(e.ctx, ann, store.Page{Limit: store.MaxPage})
	e.Expect(err).NotTo(HaveOccurred())
	e.Expect(got.Items).To(HaveLen(store.DefaultPage + 5))
}

func listLimits(e *env) {
	e.login()
	for what, p := range map[string]store.Page{
		"a Limit of 1001": {Limit: store.MaxPage + 1}, "a negative Limit": {Limit: -1}, "a cursor that is none": {Cursor: "\x00 no cursor"},
	} {
		_, err := e.s.List(e.ctx, ann, p)
		e.refused(err, what)
	}
}
