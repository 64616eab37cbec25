package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// mill makes good tokens by the thousand, which differ in their jti, and a verifier that knows all of them to live.
type mill struct {
	head, before, after string
	verifier            *token.Verifier
	check               *stamped
}

// stamped is a checker whose answers hold. It counts the questions about one token.
type stamped struct {
	answer token.Answer
	mu     sync.Mutex
	asked  map[string]int
}

func (c *stamped) Stamps() bool { return true }

func (c *stamped) MaxTokenLife() (time.Duration, error) { return 24 * time.Hour, nil }

func (c *stamped) Check(_ context.Context, t *token.Token) (token.Answer, error) {
	if id := t.ID(); strings.HasPrefix(id, "hot") {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.asked[id]++
	}
	return c.answer, nil
}

func newMill(bytes int, custom string) *mill {
	now := time.Now()
	m := &mill{
		head:   b64(`{"alg":"HS256","kid":"` + keyID + `","typ":"at+jwt"}`),
		before: `{"iss":"` + issuerName + `","aud":"` + issuerName + `","sub":"ann","client_id":"web","sid":"0123456789abcdefghijkl","seq":1,"iat":` + strconv.FormatInt(now.Unix(), 10) + `,"exp":` + strconv.FormatInt(now.Add(time.Hour).Unix(), 10) + `,"jti":"`,
		after:  `"` + custom + `}`,
		check:  &stamped{answer: token.Answer{Verdict: store.Verdict{Alive: true}, Stamp: stampFor(time.Hour)}, asked: map[string]int{}},
	}
	m.verifier = must(token.NewVerifier([]token.TrustedIssuer{{Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: m.check}},
		&token.VerifierOptions{CacheBytes: bytes}))
	return m
}

func (m *mill) mint(jti string) string {
	signed := m.head + "." + base64.RawURLEncoding.EncodeToString([]byte(m.before+jti+m.after))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (m *mill) within(t *testing.T) {
	t.Helper()
	if n, right := m.verifier.KnownBytesForTest(); !right || n > token.MinCacheBytes {
		t.Errorf("%d bytes, counted right: %v; the bound is %d", n, right, token.MinCacheBytes)
	}
}

// TestFloodOfGoodTokens: the bound holds whatever comes, and what is in use stays.
func TestFloodOfGoodTokens(t *testing.T) {
	m := newMill(token.MinCacheBytes, "")
	large := newMill(token.MinCacheBytes, `,"roles":"`+strings.Repeat("x", 5000)+`"`)
	var hot []string
	for n := range 20 {
		hot = append(hot, m.mint("hot"+strconv.Itoa(n)))
	}
	const flood = 30_000
	for n := range flood {
		must(m.verifier.Verify(t.Context(), m.mint(strconv.Itoa(n))))
		if n%1000 == 0 {
			must(m.verifier.Verify(t.Context(), large.mint(strconv.Itoa(n)))) // a token as large as there are
			m.within(t)
		}
		must(m.verifier.Verify(t.Context(), hot[n%len(hot)]))
	}
	if n := m.verifier.KnownForTest(); n < 300 {
		t.Errorf("only %d tokens are known in the end", n)
	}
	for id, n := range m.check.asked {
		if n > 15 { // whatever is forgotten in its turn is so 40 times; hashes that meet cost some
			t.Errorf("%s was in use and asked for %d times", id, n)
		}
	}
	m.within(t)
	noErr(t, m.verifier.Close())
	if n, right := m.verifier.KnownBytesForTest(); n != 0 || !right {
		t.Errorf("%d bytes are left", n)
	}
}

// TestKnownTokensAtOnce: tokens that are verified, forgotten and verified again by many at once.
func TestKnownTokensAtOnce(t *testing.T) {
	m := newMill(token.MinCacheBytes, `,"roles":"`+strings.Repeat("x", 3000)+`"`)
	var raw []string
	for n := range 500 {
		raw = append(raw, m.mint(strconv.Itoa(n)))
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 2000 {
				id := (n*(worker+1) + worker) % len(raw)
				if got := must(m.verifier.Verify(t.Context(), raw[id])); got.ID() != strconv.Itoa(id) {
					t.Errorf("token %d is %s", id, got.ID())
				}
				if worker == 0 && n == 1500 {
					noErr(t, m.verifier.Close())
				}
			}
		})
	}
	for range 20 {
		m.within(t)
	}
	all.Wait()
	m.within(t)
}

// TestDeadTokensLeaveAlone: a dead token gives up its own place, and nobody else's. Kills a drop of all that lie beside it.
func TestDeadTokensLeaveAlone(t *testing.T) {
	m := newMill(token.MinCacheBytes, "")
	m.check.answer.Stamp = store.Stamp{} // ask each time
	const all, dead = 100, 50            // few: no set of places is ever full
	for n := range all {
		must(m.verifier.Verify(t.Context(), m.mint(strconv.Itoa(n))))
	}
	before := m.verifier.KnownForTest()
	m.check.answer.Alive = false
	for n := range dead {
		wantErr(t, second(m.verifier.Verify(t.Context(), m.mint(strconv.Itoa(n)))), token.ErrRevoked)
	}
	if n := m.verifier.KnownForTest(); before != all || n != all-dead {
		t.Errorf("%d tokens are known, and %d when %d of them are dead", before, n, dead)
	}
	m.within(t)
}

// TestTooLargeToKeep: a token that no part of the table has room for is read each time, and moves nobody out.
func TestTooLargeToKeep(t *testing.T) {
	m := newMill(token.MinCacheBytes, `,"x":[`+strings.TrimSuffix(strings.Repeat("{},", 1500), ",")+`]`)
	m.verifier = must(token.NewVerifier([]token.TrustedIssuer{{
		Issuer: issuerName, Keys: must(token.HS256(keyID, secret)).VerifyKey(), Check: m.check, Extra: token.ExtraOf[map[string]any](),
	}}, &token.VerifierOptions{CacheBytes: token.MinCacheBytes}))
	small := newMill(token.MinCacheBytes, "")
	for n := range 100 {
		must(m.verifier.Verify(t.Context(), small.mint("small"+strconv.Itoa(n))))
	}
	for n := range 100 {
		must(m.verifier.Verify(t.Context(), m.mint(strconv.Itoa(n))))
	}
	if n := m.verifier.KnownForTest(); n != 100 {
		t.Errorf("%d tokens are known", n)
	}
	m.within(t)
}
