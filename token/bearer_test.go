package token_test

import (
	"bytes"
	"encoding/gob"
	stdjson "encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/jetonkit/jeton/token"
)

// verbs are all that ask a Formatter, with the flags that change what is shown; %p does not, and vet forbids it here.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "% X", "%d", "%t", "%b", "%o", "%c", "%U", "%e", "%10.3s", "%T"}

// printed returns every way in which a value may end in a log.
func printed(v any) string {
	var b strings.Builder
	for _, verb := range verbs {
		fmt.Fprintf(&b, verb+"\n", v)
		fmt.Fprintf(&b, verb+"\n", struct{ Exported any }{v})
	}
	fmt.Fprintln(&b, v)
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("x", "v", v, "in", map[string]any{"v": v}, "list", []any{v})
	}
	return b.String()
}

func TestNothingPrintsATokenOrAKey(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	type holder struct { // fmt asks no method of an unexported field
		access, refresh token.Bearer
		any             any
	}
	type keyring struct {
		signing token.SigningKey
		verify  token.VerifyKey
		any     any
	}
	ed := must(token.Ed25519("ed", edKey(1)))
	for name, v := range map[string]any{
		"a Bearer":                        p.Access,
		"a pointer to a Bearer":           &p.Access,
		"a Pair":                          p,
		"a pointer to a Pair":             &p,
		"a struct with unexported ones":   holder{p.Access, p.Refresh, p.Access},
		"a list":                          []token.Bearer{p.Access},
		"a SigningKey":                    k.key,
		"a VerifyKey":                     k.key.VerifyKey(),
		"an Ed25519 key":                  ed,
		"a struct with an unexported ed":  keyring{ed, ed.VerifyKey(), &ed},
		"a struct with unexported keys":   keyring{k.key, k.key.VerifyKey(), k.key},
		"a verified token":                must(k.verifier.Verify(t.Context(), p.Access.Reveal())),
		"the guard of a login":            must(k.issuer.Begin(t.Context(), ann)),
		"the options with which it began": token.LoginOptions{Guard: must(k.issuer.Begin(t.Context(), ann))},
	} {
		t.Run(name, func(t *testing.T) {
			leaks(t, printed(v), p, string(edKey(1)))
		})
	}
}

// leaks fails where a text holds a token, the signature of one, a link, or a secret.
func leaks(t *testing.T, text string, p token.Pair, more ...string) {
	t.Helper()
	_, claims := parts(p.Refresh.Reveal())
	secrets := append(more, "eyJ", fmt.Sprint(claims["lnk"]))
	for _, raw := range [][]byte{secret, p.Session.Link[:]} {
		secrets = append(secrets, string(raw), fmt.Sprintf("%d", raw), fmt.Sprintf("%x", raw))
	}
	for _, b := range []token.Bearer{p.Access, p.Refresh} {
		sig := b.Reveal()[strings.LastIndexByte(b.Reveal(), '.')+1:]
		secrets = append(secrets, b.Reveal(), sig, fmt.Sprintf("%x", b.Reveal()))
	}
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("a secret is shown in %.2000s", text)
			return
		}
	}
}

func TestMarshallingATokenIsAnError(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	for name, v := range map[string]any{
		"a Pair": p, "a pointer to a Pair": &p, "a Bearer": p.Access, "inside": map[string]any{"x": []any{p.Access}},
		"as a map's key": map[token.Bearer]int{p.Access: 1},
	} {
		t.Run(name, func(t *testing.T) {
			for format, marshal := range map[string]func(any) ([]byte, error){
				"encoding/json": stdjson.Marshal,
				"json v2":       func(v any) ([]byte, error) { return json.Marshal(v) },
				"xml":           xml.Marshal,
			} {
				out, err := marshal(v)
				if err == nil {
					t.Errorf("%s gives %s", format, out)
				} else if format != "xml" && !strings.Contains(err.Error(), "Pair.Response") {
					t.Errorf("%s does not name Pair.Response: %v", format, err)
				}
			}
			if err := gob.NewEncoder(new(bytes.Buffer)).Encode(v); err == nil {
				t.Error("gob encodes it")
			}
		})
	}
	if _, err := stdjson.Marshal(k.key); err == nil {
		t.Error("a key marshals")
	}
}

func TestResponseIsTheBodyOfRFC6749(t *testing.T) {
	k := newKit(t, setup{})
	p := k.login()
	type answer struct {
		token.Response
		Session string `json:"session_id"`
	}
	got := string(must(stdjson.Marshal(answer{p.Response(), "s"})))
	want := fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":900,"refresh_token":%q,"session_id":"s"}`,
		p.Access.Reveal(), p.Refresh.Reveal())
	if got != want {
		t.Errorf("the body is\n%s, want\n%s", got, want)
	}
	if r := (token.Pair{}).Response(); r.ExpiresIn != 0 || r.AccessToken != "" {
		t.Errorf("the zero Pair answers %d seconds", r.ExpiresIn)
	}
}

func TestResponsePrintsRedacted(t *testing.T) {
	p := newKit(t, setup{}).login()
	var b strings.Builder
	for _, verb := range verbs {
		fmt.Fprintf(&b, verb+"\n", p.Response())
		fmt.Fprintf(&b, verb+"\n", struct{ R token.Response }{p.Response()})
	}
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "response", p.Response())
	leaks(t, b.String(), p)
}

func TestZeroBearer(t *testing.T) {
	if b := (token.Bearer{}); !b.IsZero() || b.Reveal() != "" {
		t.Error("the zero Bearer holds something")
	}
	if newKit(t, setup{}).login().Access.IsZero() {
		t.Error("a minted Bearer is zero")
	}
}
