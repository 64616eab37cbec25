package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

func TestClock(t *testing.T) {
	for rule, c := range map[string]struct {
		now time.Time
		ok  bool
	}{
		"the last moment of 1969":            {time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), false},
		"the first moment of 1970":           {time.Unix(0, 0), true},
		"1970 here, 1969 in UTC":             {time.Date(1970, 1, 1, 1, 0, 0, 0, time.FixedZone("", 2*3600)), false},
		"the last moment of 2199":            {time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC), true},
		"the first moment of 2200":           {time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), false},
		"the zero time":                      {time.Time{}, false},
		"a year that no microseconds reach":  {time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC), false},
		"today, with a monotonic reading":    {time.Now(), true},
		"a seq that a JSON number still has": {time.UnixMicro(1<<53 - 1), false},
	} {
		t.Run(rule, func(t *testing.T) {
			b := newBook(t)
			b.env.Now = c.now
			_, err := ledger.Lookup(b.env, b, ann, nil)
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, store.ErrClock) {
				t.Errorf("%v, want ok=%v", err, c.ok)
			}
			if err := ledger.CheckClock(c.now); c.ok != (err == nil) {
				t.Errorf("CheckClock: %v, want ok=%v", err, c.ok)
			}
		})
	}
	t.Run("with the latest clock, seq is below 2^53", func(t *testing.T) {
		b := newBook(t)
		b.env.Now = time.Date(2199, 12, 31, 23, 59, 59, 0, time.UTC)
		if seq := b.issue("s").Record.Seq; seq >= 1<<53 {
			t.Errorf("seq %d", seq)
		}
	})
}

func TestOrderOnAnyClock(t *testing.T) {
	year := 366 * 24 * time.Hour
	for _, jump := range []time.Duration{0, -2 * time.Hour, 2 * time.Hour, -year, year} {
		t.Run("a login before a logout dies and one after it lives, the clock moving by "+jump.String(), func(t *testing.T) {
			b := newBook(t)
			before := b.mint(b.issue("before", ttl(3*year)).Record)
			b.at(jump)
			b.revokeAll()
			b.at(jump)
			after := b.mint(b.issue("after").Record)
			if after.seq <= b.head.Cut || b.head.Cut <= before.seq {
				t.Errorf("before %d, cut %d, after %d", before.seq, b.head.Cut, after.seq)
			}
			if before.exp = b.env.Now.Add(time.Hour); b.alive(before, false) || b.alive(before, true) {
				t.Error("the login before lives")
			}
			b.wantAlive(after, true, true)
		})
	}
	t.Run("at one standing moment, every place is its own", func(t *testing.T) {
		b := newBook(t)
		seen := map[uint64]bool{}
		for _, id := range names("s", 50) {
			seen[b.issue(id).Record.Seq] = true
			b.keep(id)
			seen[b.head.Cut], seen[b.head.Seq] = true, true
		}
		if len(seen) != 150 {
			t.Errorf("150 steps got %d places", len(seen))
		}
	})
	t.Run("seq is the time in microseconds where that is more", func(t *testing.T) {
		b := newBook(t)
		b.at(time.Hour + 1234*time.Nanosecond)
		if got, want := b.issue("s").Record.Seq, uint64(b.env.Now.UnixMicro()); got != want {
			t.Errorf("seq %d, want %d", got, want)
		}
	})
}

// TestAClockSetBackBringsNothingBack: what was barred on a right clock or on a slow one stays barred when the clock is
// right again.
func TestAClockSetBackBringsNothingBack(t *testing.T) {
	foreign := func(b *book) bool {
		p := store.Presented{TokenID: "f", Foreign: true, WithoutRecord: true, IssuedAt: noon.Add(-10 * time.Minute)}
		return b.lookup("f").Verdict(p).Alive
	}
	for _, back := range []time.Duration{2 * time.Hour, 366 * 24 * time.Hour} {
		t.Run("a foreign token behind a cut, by a cut made "+back.String()+" back", func(t *testing.T) {
			b := newBook(t)
			b.revokeAll()
			b.at(-back)
			b.revokeAll()
			b.at(back + time.Minute)
			if foreign(b) {
				t.Error("it lives again")
			}
		})
		t.Run("a foreign token behind a floor, by a floor raised "+back.String()+" back", func(t *testing.T) {
			b := small(t, 1)
			b.env.HorizonTime = noon.Add(-48 * time.Hour)
			b.revoke("a")
			b.revoke("b")
			b.at(-back)
			b.revoke("c")
			b.at(back + time.Minute)
			if foreign(b) {
				t.Error("it lives again")
			}
		})
		t.Run("a token that was barred "+back.String()+" back", func(t *testing.T) {
			b := newBook(t)
			tk := b.mint(b.issue("s", ttl(3*366*24*time.Hour)).Record)
			b.at(-back)
			b.revoke(tk.jti)
			b.at(back + b.env.MaxTokenLife - time.Second)
			b.wantAlive(tk, false, false)
		})
	}
}

func TestSkew(t *testing.T) {
	b := newBook(t)
	b.env.MaxSkew = time.Minute
	b.issue("s")
	for rule, c := range map[string]struct {
		back time.Duration
		ok   bool
	}{
		"a ledger written within the skew ahead is read": {time.Minute, true},
		"one written further ahead is ErrClock":          {time.Minute + time.Microsecond, false},
	} {
		t.Run(rule, func(t *testing.T) {
			env := b.env
			env.Now = noon.Add(-c.back)
			if _, err := ledger.Lookup(env, b, ann, nil); (err == nil) != c.ok || err != nil && !errors.Is(err, store.ErrClock) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("a clock within the skew behind does not pull the ledger's time back", func(t *testing.T) {
		b.at(-30 * time.Second)
		b.issue("s2")
		if !b.head.Time.Equal(noon) {
			t.Errorf("the ledger's time is %v", b.head.Time)
		}
	})
	t.Run("a store that owns its clock never refuses", func(t *testing.T) {
		b := newBook(t)
		b.issue("s")
		b.at(-366 * 24 * time.Hour)
		b.issue("s2")
	})
}

func TestHorizon(t *testing.T) {
	t.Run("a ledger that is not there starts with it", func(t *testing.T) {
		b := newBook(t)
		st := b.lookup("s")
		if st.Cut != b.env.Horizon || !st.CutTime.Equal(b.env.HorizonTime) || st.Entries[0].Status != store.Unknown {
			t.Errorf("state %+v", st)
		}
		if b.wantAlive(token{"j", "s", b.env.Horizon, noon.Add(time.Hour)}, false, false); b.head != nil {
			t.Error("a Lookup wrote")
		}
	})
	t.Run("on a clock behind it, logins live all the same", func(t *testing.T) {
		b := newBook(t)
		b.at(-366 * 24 * time.Hour)
		b.wantAlive(b.mint(b.issue("s").Record), true, true)
	})
	t.Run("what a lost ledger held stays dead", func(t *testing.T) {
		b := newBook(t)
		tk, barred := b.mint(b.issue("s").Record), b.mint(b.issue("t").Record)
		b.revoke(barred.jti)
		lost := newBook(t)
		lost.env.Horizon = b.head.Seq
		for _, tk := range []token{tk, barred} {
			lost.wantAlive(tk, false, false)
		}
	})
}

func TestExpired(t *testing.T) {
	b := newBook(t)
	b.issue("s", ttl(90*24*time.Hour))
	end := noon.Add(90*24*time.Hour + b.env.MaxTokenLife + store.MarkMargin)
	for rule, c := range map[string]struct {
		at   time.Time
		want bool
	}{
		"while its record lives, a ledger lives":   {noon.Add(89 * 24 * time.Hour), false},
		"and a token's life after that":            {end, false},
		"then nothing in it matters any more":      {end.Add(time.Microsecond), true},
		"on a clock gone back it lives, of course": {noon.Add(-365 * 24 * time.Hour), false},
	} {
		t.Run(rule, func(t *testing.T) {
			if got := b.head.Expired(c.at); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestHeadHorizon tells what a sweep lifts the horizon to.
func TestHeadHorizon(t *testing.T) {
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	for _, c := range []struct {
		rule string
		h    ledger.Head
		want time.Time
	}{
		{"the last write, which may have made a mark", ledger.Head{Time: at(3), CutTime: at(1), FloorTime: at(2), Until: at(9)}, at(3)},
		{"the cut, where that is later", ledger.Head{Time: at(1), CutTime: at(3), FloorTime: at(2), Until: at(9)}, at(3)},
		{"the floor, where that is later", ledger.Head{Time: at(1), CutTime: at(2), FloorTime: at(3), Until: at(9)}, at(3)},
		{"never behind the ledger's end", ledger.Head{Time: at(99), Until: at(9)}, at(9)},
	} {
		t.Run(c.rule, func(t *testing.T) {
			c.h.Seq = 7
			if seq, got := c.h.Horizon(); seq != 7 || !got.Equal(c.want) {
				t.Errorf("%d, %v; want 7, %v", seq, got, c.want)
			}
		})
	}
}
