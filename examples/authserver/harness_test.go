package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jetonkit/jeton/internal/testenv"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(testenv.Main(m), goleak.Cleanup(removeBinary))
}

// password is that of admin in every test but those of the first start.
const password = "the admin's password"

// instance is a server in this process, on a real listener.
type instance struct {
	client
	server *server
	log    *journal
	stop   func() error
}

// start runs a server on the files in dir. prepare, unless nil, changes it before it serves.
func start(t *testing.T, dir, storeURL string, prepare func(*server)) *instance {
	t.Helper()
	return serve(t, settings{
		store: strings.ReplaceAll(storeURL, "DIR", dir), accounts: filepath.Join(dir, "accounts.db"), key: filepath.Join(dir, "jeton.key"),
		adminPassword: password, hash: cheap(),
	}, prepare)
}

// serve is start with all settings.
func serve(t *testing.T, set settings, prepare func(*server)) *instance {
	t.Helper()
	log := new(journal)
	s, err := open(t.Context(), set, io.Discard, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	check(t, err)
	if prepare != nil {
		prepare(s)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, listener) }()
	in := &instance{server: s, client: newClient(t, listener.Addr().String()), log: log}
	in.stop = sync.OnceValue(func() error {
		in.http.CloseIdleConnections()
		cancel()
		return errors.Join(<-served, s.close())
	})
	t.Cleanup(func() { check(t, in.stop()) })
	return in
}

// cheap returns parameters that cost no time; the program's own are tested with the hasher and the built program.
func cheap() parameters { return parameters{memory: 8, time: 1, threads: 1} }

// stores are what the end-to-end tests run on.
var stores = map[string]string{"bolt": "bolt://DIR/jeton.bolt", "memory": "memory://"}

// onEachStore runs a test on each of them.
func onEachStore(t *testing.T, test func(t *testing.T, in *instance)) {
	t.Helper()
	for name, url := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, t.TempDir(), url, nil))
		})
	}
}

// journal is a log that is written and read at the same time.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes a part of the log.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

// String returns the log so far.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// client speaks to a server.
type client struct {
	http *http.Client
	root string
}

func newClient(t *testing.T, addr string) client {
	t.Helper()
	c := client{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: 20 * time.Second}, root: "http://" + addr}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	// what of the body tests ask for
	Access      string    `json:"access_token"`
	Refresh     string    `json:"refresh_token"`
	Type        string    `json:"token_type"`
	ExpiresIn   int       `json:"expires_in"`
	SessionID   string    `json:"session_id"`
	Username    string    `json:"username"`
	Roles       []string  `json:"roles"`
	Sessions    []session `json:"sessions"`
	Code        string    `json:"error"`
	Description string    `json:"error_description"`
}

// call sends a request, with a bearer token unless it is empty and with a body unless it is empty.
func (c client) call(t *testing.T, method, path, bearer, body string) *answer {
	t.Helper()
	a, err := c.try(t.Context(), method, path, bearer, body)
	check(t, err)
	return a
}

// try is call for other goroutines and for servers that may be gone.
func (c client) try(ctx context.Context, method, path, bearer, body string) (*answer, error) {
	if !strings.HasPrefix(path, "/healthz") {
		path = "/api/v1" + path
	}
	r, err := http.NewRequestWithContext(ctx, method, c.root+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: response.StatusCode, header: response.Header, body: string(text)}
	if len(text) > 0 {
		err = json.Unmarshal(text, a)
	}
	return a, err
}

func (c client) login(t *testing.T, name, pw string) *answer {
	t.Helper()
	return c.call(t, "POST", "/auth/login", "", object("username", name, "password", pw)).want(t, 200, "")
}

func (c client) refresh(t *testing.T, raw string) *answer {
	t.Helper()
	return c.call(t, "POST", "/auth/refresh", "", object("refresh_token", raw))
}

func (c client) addUser(t *testing.T, admin, name, pw string) {
	t.Helper()
	c.call(t, "POST", "/users", admin, object("username", name, "password", pw)).want(t, 201, "")
}

// want holds an answer against a status and an error code, empty for a success.
func (a *answer) want(t *testing.T, status int, code string) *answer {
	t.Helper()
	if a.status != status || a.Code != code {
		t.Fatalf("answered %d %s, want %d %q", a.status, a.body, status, code)
	}
	if status >= 400 && (a.Description == "" || a.header.Get("Content-Type") != "application/json") {
		t.Errorf("an error without description, or no JSON: %v %s", a.header, a.body)
	}
	if status == 503 && a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if status == 401 && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer realm=") {
		t.Error("401 without a challenge")
	}
	if a.body != "" && a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the answer may be cached: %v", a.header)
	}
	return a
}

// object returns a JSON object of texts, given as name and value by turns.
func object(pairs ...string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
