package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	memstore "github.com/jetonkit/jeton/store/memory"
)

// TestService goes through a session: nobody, login, events, logout, and the events end.
func TestService(t *testing.T) {
	server := httptest.NewServer(service(must(memstore.New(nil))))
	defer server.Close()
	ask := func(method, path, access string) *http.Response {
		t.Helper()
		r := must(http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(url.Values{"name": {"ann"}}.Encode())))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if access != "" {
			r.Header.Set("Authorization", "Bearer "+access)
		}
		return must(http.DefaultClient.Do(r))
	}
	text := func(r *http.Response) string {
		defer r.Body.Close()
		return strings.TrimSpace(string(must(io.ReadAll(r.Body))))
	}
	if r := ask("GET", "/me", ""); r.StatusCode != http.StatusUnauthorized || !strings.Contains(text(r), "missing_token") {
		t.Errorf("nobody is answered %d", r.StatusCode)
	}
	access := text(ask("POST", "/login", ""))
	if got := text(ask("GET", "/me", access)); got != "ann" {
		t.Errorf("the token is %q's", got)
	}
	events := ask("GET", "/events", access)
	if r := ask("POST", "/logout", access); r.StatusCode != http.StatusOK || text(r) != "" {
		t.Errorf("the logout is answered %d", r.StatusCode)
	}
	if got := text(events); got != ": hello" {
		t.Errorf("the events are %q", got)
	}
	if r := ask("GET", "/me", access); r.StatusCode != http.StatusUnauthorized || !strings.Contains(text(r), "token has been revoked") {
		t.Errorf("after the logout: %d", r.StatusCode)
	}
}

// TestLines: an example fits a screen.
func TestLines(t *testing.T) {
	if text, err := os.ReadFile("main.go"); err != nil || bytes.Count(text, []byte("\n")) > 60 {
		t.Errorf("main.go has %d lines, the limit is 60 (%v)", bytes.Count(text, []byte("\n")), err)
	}
}
