package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jetonkit/jeton/token"
)

// modelKey is what the model knows of a kid: its place, and since when.
type modelKey struct {
	place string // published, signing, retired, removed
	at    time.Time
}

// ringModel says in the naive way what a ring does.
type ringModel map[int]modelKey

const (
	modelAccess  = 10*time.Minute + 30*time.Second
	modelRefresh = 2*time.Hour + 30*time.Second
)

// update returns the model after a change; false where it must be refused.
func (r ringModel) update(places map[int]string, at map[int]time.Time, now time.Time) (ringModel, bool) {
	next, listed, signing, signed := ringModel{}, 0, false, false
	for n, place := range places {
		was, known := r[n]
		if known && was.place == "removed" && place != "removed" {
			if now.Before(was.at.Add(modelRefresh)) {
				return nil, false
			}
			known = false
		}
		is := modelKey{place: place}
		switch {
		case place == "removed":
			is.at = now
			if known && was.place == "removed" {
				is.at = was.at
			}
		case known && was.place == "retired" && place != "retired", known && was.place == "signing" && place == "published":
			return nil, false
		case place == "retired":
			if is.at = at[n]; is.at.After(now.Add(24 * time.Hour)) {
				return nil, false
			}
			if known && was.place == "signing" && is.at.Before(now) || is.at.IsZero() && (!known || was.place == "published") {
				is.at = now
			}
			if known && was.place == "retired" && is.at.Before(was.at) {
				is.at = was.at
			}
		}
		if place != "removed" {
			listed++
		}
		signing = signing || place == "signing"
		next[n] = is
	}
	for n, was := range r {
		signed = signed || was.place == "signing"
		if _, there := next[n]; there {
			continue
		}
		switch over := !now.Before(was.at.Add(modelRefresh)); {
		case was.place == "removed" && !over:
			next[n] = was
		case was.place == "removed", was.place == "retired" && over:
		default:
			return nil, false
		}
	}
	return next, listed > 0 && (signing || !signed)
}

// Whatever is asked of a ring and whenever, it does what the model does, and a refusal changes nothing.
func TestKeyringModel(t *testing.T) {
	var keys []token.SigningKey
	for n := range 6 {
		keys = append(keys, must(token.HS256(fmt.Sprint(n), []byte(strings.Repeat(fmt.Sprint(n), 31)+"x"))))
	}
	rapid.Check(t, func(t *rapid.T) {
		clock := newClock()
		ring := must(token.NewKeyring(token.RingKeys{Signing: keys[0]}, &token.KeyringOptions{
			AccessTTL: 10 * time.Minute, RefreshTTL: 2 * time.Hour, Now: clock.Now,
		}))
		model := ringModel{0: {place: "signing"}}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			clock.Advance(rapid.SampledFrom([]time.Duration{0, time.Second, modelAccess - 1, modelAccess, time.Hour, modelRefresh}).Draw(t, "passes"))
			now := clock.Now()
			var given token.RingKeys
			places, at := map[int]string{}, map[int]time.Time{}
			for n, key := range keys {
				likely := model[n].place // most changes are small
				place := rapid.SampledFrom([]string{likely, likely, likely, "published", "signing", "retired", "removed", ""}).Draw(t, "place")
				if place == "signing" && given.Signing.KeyID() != "" {
					place = "retired"
				}
				if place != "" {
					places[n] = place
				}
				switch place {
				case "published":
					given.Published = append(given.Published, key.VerifyKey())
				case "signing":
					given.Signing = key
				case "retired":
					if ahead := rapid.SampledFrom([]time.Duration{0, -time.Hour, time.Minute, 25 * time.Hour}).Draw(t, "at"); ahead != 0 {
						at[n] = now.Add(ahead)
					}
					given.Retired = append(given.Retired, token.RetiredKey{Key: key.VerifyKey(), At: at[n]})
				case "removed":
					given.Removed = append(given.Removed, key.KeyID())
				}
			}
			next, ok := model.update(places, at, now)
			if err := ring.Update(given); (err == nil) != ok {
				t.Fatalf("from %v to %v: %v, the model says %v", model, places, err, ok)
			}
			if ok {
				model = next
			}
			compareRing(t, ring, model, keys, now)
			clock.Advance(rapid.SampledFrom([]time.Duration{0, modelAccess, modelRefresh}).Draw(t, "later"))
			compareRing(t, ring, model, keys, clock.Now())
		}
	})
}

func compareRing(t *rapid.T, ring *token.Keyring, model ringModel, keys []token.SigningKey, now time.Time) {
	signing := ""
	for n, key := range keys {
		is := model[n]
		if is.place == "signing" {
			signing = key.KeyID()
		}
		for name, view := range map[string]struct {
			keys token.KeySet
			span time.Duration
		}{"access": {ring, modelAccess}, "refresh": {token.RefreshKeysForTest(ring), modelRefresh}} {
			want := is.place == "published" || is.place == "signing" || is.place == "retired" && now.Before(is.at.Add(view.span))
			if _, err := view.keys.FindKey(t.Context(), key.KeyID()); (err == nil) != want {
				t.Fatalf("%s tokens of key %d, %v: %v, want %v", name, n, is, err, want)
			}
		}
	}
	if got := ring.Keys().Signing.KeyID(); got != signing {
		t.Fatalf("%q signs, want %q", got, signing)
	}
}
