package token_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/jetonkit/jeton/token"
)

// vectors is a file of Wycheproof's on JSON web keys and signatures.
type vectors struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []vector
	}
}

type vector struct {
	TcID            int
	Comment, Result string
	JWS, JWE        json.RawMessage
}

// text returns the JWS. A few cases are of the JSON serialization; they are given as they are.
func (v vector) text() string {
	var s string
	if json.Unmarshal(v.JWS, &s) == nil {
		return s
	}
	return string(v.JWS)
}

// skips are cases that are not ours to agree with, by file and number.
var skips = map[string]map[int]string{
	"json_web_signature": {
		367: "called invalid, and is byte for byte the valid case 357",
		370: "called invalid, and is byte for byte the valid case 357",
		372: "called valid, and holds a ?, which base64url does not have",
		373: "called valid, and holds a ?, which base64url does not have",
		346: "called valid, and the key's alg is PS256 and the header's PS384: one key, one algorithm",
		350: "called valid, and the key's alg is PS256 and the header's PS384: one key, one algorithm",
		347: "called valid, and the key's alg is ES521, which no RFC has",
		351: "called valid, and the key's alg is ES521, which no RFC has",
	},
}

// righted are the keys of skipped cases, with the alg that the header says: they are the examples of RFC 7520 §4.2 and §4.3.
var righted = map[int][2]string{346: {"PS256", "PS384"}, 350: {"PS256", "PS384"}, 347: {"ES521", "ES512"}, 351: {"ES521", "ES512"}}

// TestWycheproof runs the vectors on the level of JWS: their payloads are no claims, and as JWTs all of them would be refused.
func TestWycheproof(t *testing.T) {
	agree, skipped, total := 0, 0, 0
	for _, name := range []string{"json_web_signature", "json_web_key", "json_web_crypto"} {
		text, err := fs.ReadFile(wycheproof.TestVectors, name+"_test.json")
		if err != nil {
			t.Fatal(err)
		}
		var file vectors
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, group := range file.TestGroups {
			keys, keyErr := vectorKeys(group.Public, group.Private)
			if group.Comment == "base64" { // its secret is 32 zeros, which no constructor takes
				wantField(t, keyErr, "jwk.k")
				keys, keyErr = token.WeakForTest("hs256-key", token.AlgHS256, make([]byte, 32)), nil
			}
			for _, c := range group.Tests {
				seen++
				switch {
				case skips[name][c.TcID] != "", c.JWE != nil: // encryption is not what this package does
					if alg, ok := righted[c.TcID]; ok && c.JWE == nil {
						key := must(token.ParseVerifyJWK([]byte(strings.Replace(string(group.Public), alg[0], alg[1], 1))))
						_, err := token.VerifyJWSForTest(t.Context(), key, c.text())
						noErr(t, err)
					}
					skipped++
					continue
				}
				err := keyErr
				if err == nil {
					_, err = token.VerifyJWSForTest(t.Context(), keys, c.text())
				}
				if (err == nil) != (c.Result == "valid") {
					t.Errorf("%s %d (%s, %s) is %s, and the answer is %v", name, c.TcID, group.Comment, c.Comment, c.Result, err)
					continue
				}
				agree++
			}
		}
		if seen != file.NumberOfTests {
			t.Errorf("%s: %d cases of %d", name, seen, file.NumberOfTests)
		}
		total += seen
	}
	fmt.Printf("wycheproof: agree %d skipped %d total %d\n", agree, skipped, total)
	if total != 401+26+83 || skipped != 8+34 {
		t.Errorf("%d skipped of %d", skipped, total)
	}
}

// vectorKeys reads a group's keys: the public ones where there are any.
func vectorKeys(public, private json.RawMessage) (token.KeySet, error) {
	isSet := strings.Contains(string(public)+string(private), `"keys"`)
	switch {
	case isSet && public != nil:
		return token.ParseJWKS(public)
	case isSet:
		signing, err := token.ParsePrivateJWKS(private)
		if err != nil {
			return nil, err
		}
		var keys []token.VerifyKey
		for _, k := range signing {
			keys = append(keys, k.VerifyKey())
		}
		return token.NewKeySet(keys...)
	case public != nil:
		return token.ParseVerifyJWK(public)
	}
	return token.ParseVerifyJWK(private) // of one secret
}
