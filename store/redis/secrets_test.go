package redisstore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// What no error, log or stat may hold. Each is found nowhere else.
const (
	secretPassword = "Hx7unter.pw"
	secretName     = "Zq-name-of-ann"
	secretID       = "Vj-id-of-a-session"
	secretNote     = "Wk-metadata"
	secretLink     = "Gb-linklinklink!" // 16 bytes
)

// secretSubject and what it may issue.
func secretSubject() store.Subject { return store.User(secretName) }

func secretRecord() store.Record {
	return store.Record{
		ID: secretID, Subject: secretSubject(), Class: "web", Link: store.Link([]byte(secretLink)),
		ExpiresAt: time.Now().Add(time.Hour), Metadata: map[string]string{"note": secretNote},
	}
}

// ear hears everything that a store says in a test.
type ear struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (e *ear) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.Write(b)
}

func (e *ear) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.String()
}

// clientLog hears what go-redis writes to its own log, of all tests.
var clientLog ear

func init() { redis.SetLogger(&clientLog) }

// Printf implements go-redis's logger.
func (e *ear) Printf(_ context.Context, format string, args ...any) {
	_, _ = fmt.Fprintf(e, format+"\n", args...)
}

// options are a store's that logs to the ear.
func (e *ear) options(prefix string) *redisstore.Options {
	return &redisstore.Options{
		Prefix: prefix, Partitions: 16, Timeout: time.Second,
		Logger: slog.New(slog.NewTextHandler(e, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// note keeps an error, all that it wraps, and a store's stats.
func (e *ear) note(err error, stores ...store.TokenStore) {
	tree(err, func(err error) { _, _ = fmt.Fprintf(e, "%v\n%+v\n%#v\n", err, err, err) })
	for _, s := range stores {
		_, _ = fmt.Fprintln(e, store.Stats(s))
	}
}

func tree(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch err := err.(type) { //nolint:errorlint // the walk is what As does
	case interface{ Unwrap() error }:
		tree(err.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, each := range err.Unwrap() {
			tree(each, visit)
		}
	}
}

// heardNoSecret fails the test where one was said, in any of the usual forms.
func (e *ear) heardNoSecret(t *testing.T) {
	t.Helper()
	said := strings.ToLower(e.text() + clientLog.text())
	for _, secret := range []string{secretPassword, secretName, secretID, secretNote, secretLink} {
		for form, text := range map[string]string{
			"as it is": secret, "quoted": strings.Trim(fmt.Sprintf("%q", secret), `"`), "in hex": hex.EncodeToString([]byte(secret)),
			"in base64": base64.RawStdEncoding.EncodeToString([]byte(secret)), "escaped": url.QueryEscape(secret),
			"as bytes": strings.Trim(fmt.Sprintf("%d", []byte(secret)), "[]"),
		} {
			if strings.Contains(said, strings.ToLower(text)) {
				t.Errorf("%q was said, %s:\n%s", secret, form, e.text())
			}
		}
	}
	if strings.Contains(said, "redis://") && strings.Contains(said, "@") {
		t.Errorf("a URL was said:\n%s", e.text())
	}
}
