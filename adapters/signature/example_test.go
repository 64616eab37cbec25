package signature_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/jetonkit/jeton/adapters/signature"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
)

// One program calls another, and a copy of the call is refused.
func Example() {
	s, err := store.Open(context.Background(), "memory://") // or any URL of a store that verifiers share
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	key, err := signature.NewKey("orders-2026-11", []byte("32 bytes of a random source ...."))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := signature.NewKeys(key)
	if err != nil {
		log.Fatal(err)
	}

	// The service that is called.
	verifier, err := signature.NewVerifier(s, keys, "billing", nil)
	if err != nil {
		log.Fatal(err)
	}
	invoices := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := signature.Caller(r.Context())
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s sent %s", caller, body)
	})
	var wiretap http.Header // somebody listens
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wiretap = r.Header.Clone()
		verifier.Required(invoices).ServeHTTP(w, r)
	}))
	defer server.Close()

	// The one that calls.
	signer, err := signature.NewSigner(keys, "billing", nil)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: signature.NewTransport(signer, nil)}
	resp, err := client.Post(server.URL+"/invoices", "application/json", strings.NewReader(`{"amount":12}`))
	if err != nil {
		log.Fatal(err)
	}
	show(resp)

	// The same bytes again.
	copied, err := http.NewRequest(http.MethodPost, server.URL+"/invoices", strings.NewReader(`{"amount":12}`))
	if err != nil {
		log.Fatal(err)
	}
	copied.Header = wiretap
	resp, err = http.DefaultClient.Do(copied)
	if err != nil {
		log.Fatal(err)
	}
	show(resp)
	// Output:
	// 200 orders-2026-11 sent {"amount":12}
	// 401 {"error":"invalid_signature","error_description":"request was sent before"}
}

func show(resp *http.Response) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, string(bytes.TrimSpace(body)))
}

// A secret is changed in three steps, on both sides, and no call is refused meanwhile.
func ExampleKeys_Replace() {
	november, err := signature.NewKey("orders-2026-11", []byte("32 bytes of a random source ...."))
	if err != nil {
		log.Fatal(err)
	}
	december, err := signature.NewKey("orders-2026-12", []byte("32 others of a random source ..."))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := signature.NewKeys(november)
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range [][]signature.Key{
		{november, december}, // 1. everywhere: the new one is known
		{december, november}, // 2. everywhere: the new one signs
		{december},           // 3. once the last call of the old one is a minute old: it is gone
	} {
		if err := keys.Replace(step...); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(december)
	// Output: key(redacted)
}

// A hook for frameworks that are no net/http middleware: it changes the request in place.
func ExampleVerifier_Check() {
	s, err := store.Open(context.Background(), "memory://")
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	key, err := signature.NewKey("orders-2026-11", []byte("32 bytes of a random source ...."))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := signature.NewKeys(key)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := signature.NewVerifier(s, keys, "billing", nil)
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	fmt.Println(verifier.Check(r))
	// Output: jeton: signed call refused: missing
}
