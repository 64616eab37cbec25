package signature_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jetonkit/jeton/adapters/signature"
	memstore "github.com/jetonkit/jeton/store/memory"
)

// vectors are calls that another program, in another language, has signed.
type vectors struct {
	V2 []struct {
		Name     string `json:"name"`
		Secret   string `json:"secret_hex"`
		Audience string `json:"audience"`
		KeyID    string `json:"key_id"`
		Time     string `json:"timestamp"`
		Method   string `json:"method"`
		Target   string `json:"target"`
		Body     []byte `json:"body_base64"`
		Text     string `json:"text"`
		Header   string `json:"header"`
	} `json:"v2"`
	V1 []struct {
		Secret    string `json:"secret_hex"`
		KeyID     string `json:"key_id"`
		Time      string `json:"timestamp"`
		Nonce     string `json:"nonce"`
		Text      string `json:"text"`
		Signature string `json:"signature"`
	} `json:"v1"`
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// verifierAt is a verifier with one key, at a time.
func verifierAt(t *testing.T, id, secret, audience, at string, old bool) *signature.Verifier {
	t.Helper()
	now := time.Unix(must(strconv.ParseInt(at, 10, 64))(t), 0)
	keys := must(signature.NewKeys(must(signature.NewKey(id, must(hex.DecodeString(secret))(t)))(t)))(t)
	s := must(memstore.New(&memstore.Options{Now: func() time.Time { return now }, SweepInterval: -1}))(t)
	t.Cleanup(func() { _ = s.Close() })
	o := &signature.Options{Now: func() time.Time { return now }}
	if old {
		o.AllowV1 = keys
	}
	return must(signature.NewVerifier(s, keys, audience, o))(t)
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	if len(v.V2) < 4 || len(v.V1) < 1 {
		t.Fatal("vectors are missing")
	}
	for _, c := range v.V2 {
		t.Run(c.Name, func(t *testing.T) {
			secret := must(hex.DecodeString(c.Secret))(t)
			if mac := hmacHex(secret, c.Text); c.Header[len(c.Header)-64:] != mac {
				t.Errorf("the HMAC of the text is %s", mac)
			}
			r := httptest.NewRequest(c.Method, "/", bytes.NewReader(c.Body))
			r.RequestURI = c.Target
			r.Header.Set(signature.Header, c.Header)
			expect(t, verifierAt(t, c.KeyID, c.Secret, c.Audience, c.Time, false).Check(r), "")
		})
	}
	for _, c := range v.V1 {
		if mac := hmacHex(must(hex.DecodeString(c.Secret))(t), c.Text); mac != c.Signature {
			t.Errorf("the HMAC of the text is %s", mac)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Signature", c.Signature)
		r.Header.Set("X-Timestamp", c.Time)
		r.Header.Set("X-Nonce", c.Nonce)
		expect(t, verifierAt(t, c.KeyID, c.Secret, audience, c.Time, true).Check(r), "")
	}
}

func hmacHex(secret []byte, text string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// seeded is the secret of the key of a seed.
func seeded(seed byte) []byte {
	secret := bytes.Repeat([]byte{seed}, 32)
	secret[0]++
	return secret
}
