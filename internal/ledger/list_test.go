package ledger_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// pages lists all there is, and counts the pages and the entries read for the largest.
func (b *book) pages(limit int) (ids []string, pages, most int) {
	b.t.Helper()
	p := store.Page{Limit: limit}
	for {
		b.given = 0
		out, err := ledger.List(b.env, b, b.subject, p)
		b.ok(err)
		pages, most = pages+1, max(most, b.given)
		if len(out.Items) > p.Size() {
			b.t.Errorf("a page of %d for a limit of %d", len(out.Items), limit)
		}
		for _, r := range out.Items {
			ids = append(ids, r.ID)
			if r.Subject != b.subject {
				b.t.Errorf("%s is %+v's", r.ID, r.Subject)
			}
		}
		if p.Cursor = out.Next; p.Cursor == "" {
			return ids, pages, most
		}
	}
}

func TestList(t *testing.T) {
	t.Run("newest first, each once, whatever the page", func(t *testing.T) {
		b := newBook(t)
		want := names("s", 25)
		for _, id := range want {
			b.at(time.Microsecond)
			b.issue(id)
		}
		slices.Reverse(want)
		for _, limit := range []int{1, 2, 24, 25, 26, 0} {
			if got, _, _ := b.pages(limit); !slices.Equal(got, want) {
				t.Errorf("pages of %d: %v", limit, got)
			}
		}
	})
	t.Run("issued at one moment, each is listed once", func(t *testing.T) {
		b := newBook(t)
		want := names("s", 25)
		for _, id := range want {
			b.issue(id)
		}
		for _, limit := range []int{1, 2, 24, 25, 26} {
			got, _, _ := b.pages(limit)
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("pages of %d: %v", limit, got)
			}
		}
	})
	t.Run("the dead are passed over, at most 256 more than the page a time", func(t *testing.T) {
		b := newBook(t)
		b.issue("first", ttl(24*time.Hour))
		for _, id := range names("dead", 700) {
			b.at(time.Microsecond)
			b.issue(id)
		}
		b.at(2 * time.Hour)
		b.issue("last")
		got, pages, most := b.pages(10)
		if !slices.Equal(got, []string{"last", "first"}) {
			t.Errorf("listed %v", got)
		}
		if most > 10+256 || pages > 700/256+2 {
			t.Errorf("%d pages, the largest read %d entries", pages, most)
		}
	})
	t.Run("no ledger is an empty list", func(t *testing.T) {
		if ids, pages, _ := newBook(t).pages(0); len(ids) != 0 || pages != 1 {
			t.Errorf("%v on %d pages", ids, pages)
		}
	})
	t.Run("a cursor goes on from where it was, though its record has died since", func(t *testing.T) {
		b := newBook(t)
		for _, id := range names("s", 4) {
			b.at(time.Second)
			b.issue(id)
		}
		first, err := ledger.List(b.env, b, ann, store.Page{Limit: 2})
		b.ok(err)
		b.revoke("s 002")
		b.at(time.Second)
		b.issue("newer")
		second, err := ledger.List(b.env, b, ann, store.Page{Limit: 2, Cursor: first.Next})
		b.ok(err)
		if len(second.Items) != 2 || second.Items[0].ID != "s 001" || second.Next != "" {
			t.Errorf("second page %+v", second)
		}
	})
}

func TestCursors(t *testing.T) {
	b := newBook(t)
	for _, id := range names("s", 3) {
		b.issue(id)
	}
	page, err := ledger.List(b.env, b, ann, store.Page{Limit: 1})
	b.ok(err)
	raw, err := base64.RawURLEncoding.DecodeString(page.Next)
	b.ok(err)
	another := append([]byte{9}, raw[1:]...)
	for rule, cursor := range map[string]string{
		"no base64":          "!!!",
		"padded":             page.Next + "=",
		"cut short":          page.Next[:len(page.Next)-2],
		"too long":           page.Next + "AA",
		"of another form":    base64.RawURLEncoding.EncodeToString(another),
		"somebody's session": store.NewID(),
		"endless":            strings.Repeat("A", 1<<16),
	} {
		t.Run("a cursor that is "+rule+" is refused", func(t *testing.T) {
			var f *store.FieldError
			if _, err := ledger.List(b.env, b, ann, store.Page{Cursor: cursor}); !errors.As(err, &f) || f.Field != "Page.Cursor" {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("one with any time in it lists something or nothing", func(*testing.T) {
		for _, c := range []byte{0, 0x7f, 0x80, 0xff} {
			odd := append([]byte(nil), raw...)
			for i := 1; i < len(odd); i++ {
				odd[i] = c
			}
			_, err := ledger.List(b.env, b, ann, store.Page{Cursor: base64.RawURLEncoding.EncodeToString(odd)})
			b.ok(err)
		}
	})
	t.Run("it holds no name", func(t *testing.T) {
		if strings.Contains(string(raw), "ann") || strings.Contains(string(raw), "s 00") {
			t.Errorf("cursor %q", raw)
		}
	})
}
