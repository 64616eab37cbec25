package httpauthtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// Adapter is one way to the verdicts of httpauth.
type Adapter struct {
	// Name is the framework's.
	Name string
	// Handler serves the routes of a fixture behind its rules, with Answer in each. Nil for an adapter that is not HTTP.
	Handler func(*testing.T, *Fixture) http.Handler
	// Listed returns the routes that the framework lists, for CheckRoutes. Nil where it lists none.
	Listed func(*testing.T, *Fixture) []string
	// Ask sends a case in the adapter's own protocol, of those with GRPC set.
	Ask func(*testing.T, *Fixture) func(*testing.T, Case) Got
}

// Got is an answer, as far as adapters must agree on it.
type Got struct {
	// Status is that of HTTP.
	Status int
	// Headers are those that the cases judge. Nil where the protocol has none.
	Headers map[string]string
	// Body is the subject of a success, or the code of a failure.
	Body string
}

// judged are the headers that adapters must agree on.
var judged = []string{
	"WWW-Authenticate", "Vary", "Cache-Control", "Retry-After", "Content-Type", "X-Content-Type-Options", "Set-Cookie",
}

// Run asks every adapter every case, over a real listener, and prints how many differed.
func Run(t *testing.T, adapters ...Adapter) {
	all := cases()
	checkTable(t, all)
	differences, parts := 0, ""
	for _, a := range adapters {
		t.Run(a.Name, func(t *testing.T) {
			f := New(t)
			if a.Listed != nil {
				checkListed(t, f, a.Listed(t, f))
			}
			asked, ask := 0, a.ask(t, f)
			for _, c := range all {
				if a.Handler == nil && !c.GRPC {
					continue
				}
				asked++
				if !t.Run(c.Requirement, func(t *testing.T) {
					f.down.Store(c.Down)
					compare(t, ask(t, f.fill(c)), c)
				}) {
					differences++
				}
			}
			if asked < len(all) {
				parts += fmt.Sprintf(" (%s: the %d that are calls)", a.Name, asked)
			}
		})
	}
	fmt.Printf("parity: %d cases, %d adapters, %d differences%s\n", len(all), len(adapters), differences, parts)
}

// checkTable refuses a table in which two cases are there for the same.
func checkTable(t *testing.T, all []Case) {
	seen := map[string]bool{}
	for _, c := range all {
		asks := fmt.Sprint(c.Method, c.Target, c.Headers, c.Form, c.Down)
		if seen[c.Requirement] || seen[asks] {
			t.Fatalf("two cases are alike: %s", c.Requirement)
		}
		seen[c.Requirement], seen[asks] = true, true
	}
}

// checkListed holds the start-up check to what the framework lists: each rule is met, and one that was renamed is found.
func checkListed(t *testing.T, f *Fixture, listed []string) {
	if err := f.Auth.CheckRoutes(listed...); err != nil {
		t.Errorf("a rule meets no route: %v", err)
	}
	fewer := slices.DeleteFunc(slices.Clone(listed), func(route string) bool { return strings.HasSuffix(route, stepUp) })
	if err := f.Auth.CheckRoutes(fewer...); err == nil || !strings.Contains(err.Error(), stepUp) || len(fewer) == len(listed) {
		t.Errorf("a rule that meets no route is not named: %v", err)
	}
}

func (a Adapter) ask(t *testing.T, f *Fixture) func(*testing.T, Case) Got {
	if a.Handler == nil {
		return a.Ask(t, f)
	}
	server := httptest.NewServer(a.Handler(t, f))
	t.Cleanup(server.Close)
	return func(t *testing.T, c Case) Got { return overTCP(t, server.Listener.Addr().String(), c) }
}

// fill puts tokens in the place of their names.
func (f *Fixture) fill(c Case) Case {
	replace := strings.NewReplacer(f.tokens...).Replace
	c.Target, c.Form, c.Headers = replace(c.Target), replace(c.Form), slices.Clone(c.Headers)
	for n := range c.Headers {
		c.Headers[n] = replace(c.Headers[n])
	}
	return c
}

// overTCP sends a case byte for byte: net/http's client would mend it.
func overTCP(t *testing.T, addr string, c Case) Got {
	conn := must((&net.Dialer{}).DialContext(t.Context(), "tcp", addr))(t)
	defer conn.Close() //nolint:errcheck // the answer was read
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: parity.test\r\nConnection: close\r\n", method, c.Target)
	for n := 0; n < len(c.Headers); n += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", c.Headers[n], c.Headers[n+1])
	}
	if c.Form != "" {
		fmt.Fprintf(&b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(c.Form))
	}
	if _, err := io.WriteString(conn, b.String()+"\r\n"+c.Form); err != nil {
		t.Fatal(err)
	}
	response := must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
	defer response.Body.Close()
	got := Got{Status: response.StatusCode, Headers: map[string]string{}, Body: string(must(io.ReadAll(response.Body))(t))}
	for _, name := range judged {
		got.Headers[name] = strings.Join(response.Header.Values(name), ", ")
	}
	if response.StatusCode >= http.StatusBadRequest {
		got.Body = codeOf(got.Body)
	}
	return got
}

// codeOf is the code in a body of RFC 6750; the whole body if it is another.
func codeOf(body string) string {
	var said struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal([]byte(body), &said) != nil || said.Description == "" {
		return body
	}
	return said.Code
}

func compare(t *testing.T, got Got, c Case) {
	if got.Status != c.Status || got.Body != c.Body {
		t.Errorf("got %d %q, want %d %q", got.Status, got.Body, c.Status, c.Body)
	}
	if got.Headers == nil {
		return
	}
	for name, want := range c.headers() {
		if got.Headers[name] != want {
			t.Errorf("%s is %q, want %q", name, got.Headers[name], want)
		}
	}
}

// headers are what an answer must have, by what is asked.
func (c Case) headers() map[string]string {
	h := map[string]string{
		"WWW-Authenticate": c.Challenge, "Vary": c.vary(), "Cache-Control": "no-store", "Retry-After": "",
		"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Set-Cookie": "",
	}
	if c.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = "3"
	}
	if c.Status < http.StatusBadRequest {
		h["Cache-Control"], h["Content-Type"], h["X-Content-Type-Options"] = "", "text/plain; charset=utf-8", ""
	}
	if c.Status == http.StatusNoContent {
		h["Content-Type"] = ""
	}
	if c.Status == http.StatusOK && strings.Contains(c.Target, "?access_token=") {
		h["Cache-Control"] = "private"
	}
	return h
}

// vary is by the rule that a case meets.
func (c Case) vary() string {
	path, _, _ := strings.Cut(c.Target, "?")
	switch {
	case c.Status == http.StatusNoContent:
		return "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	case c.Body == "ambiguous_path", path == Service+"Internal", path == Service+"Public",
		path == "/v1/status", path == "/gate/open":
		return ""
	}
	return "Authorization, Cookie, X-Token"
}
