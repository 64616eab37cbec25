package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// named is one call of every kind, on the secret subject's session.
type named struct {
	name string
	call func(context.Context, *redisstore.Store) error
}

var everyVerb = []named{
	{"issue", func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.Issue(ctx, store.IssueRequest{Record: secretRecord()})
		return err
	}},
	{"lookup", func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.Lookup(ctx, secretSubject(), secretID)
		return err
	}},
	{"list", func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.List(ctx, secretSubject(), store.Page{})
		return err
	}},
	{"rotate", func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.Rotate(ctx, store.RotateRequest{Subject: secretSubject(), ID: secretID, Link: store.Link([]byte(secretLink)), NextLink: store.NewLink()})
		return err
	}},
	{"update", func(ctx context.Context, s *redisstore.Store) error {
		_, err := s.Update(ctx, store.UpdateRequest{Subject: secretSubject(), ID: secretID, Metadata: map[string]string{"note": secretNote + "2"}})
		return err
	}},
	{"touch", func(ctx context.Context, s *redisstore.Store) error {
		return s.Touch(ctx, store.TouchRequest{Subject: secretSubject(), ID: secretID, ExpiresAt: time.Now().Add(2 * time.Hour)})
	}},
	{"revoke others", func(ctx context.Context, s *redisstore.Store) error {
		return s.Revoke(ctx, store.Revocation{Subject: secretSubject(), Others: &store.Others{Keep: secretID}})
	}},
	{"revoke class", func(ctx context.Context, s *redisstore.Store) error {
		return s.Revoke(ctx, store.Revocation{Subject: secretSubject(), Others: &store.Others{Class: "ios"}})
	}},
	{"revoke ids", func(ctx context.Context, s *redisstore.Store) error {
		return s.Revoke(ctx, store.Revocation{Subject: secretSubject(), IDs: []string{secretID}, Reason: secretNote})
	}},
	{"revoke all", func(ctx context.Context, s *redisstore.Store) error {
		return s.Revoke(ctx, store.Revocation{Subject: secretSubject(), All: true})
	}},
	{"forget", func(ctx context.Context, s *redisstore.Store) error { return s.Forget(ctx, secretSubject()) }},
	{"poll", func(ctx context.Context, s *redisstore.Store) error {
		part := secretSubject().Digest().Partition(16)
		b, err := s.Poll(ctx, part, store.Position{})
		for range 3 { // from a known event, polls go two other ways in turn
			if err == nil {
				_, err = s.Poll(ctx, part, b.Events[len(b.Events)-1].Position)
			}
		}
		return err
	}},
	{"subjects", func(ctx context.Context, s *redisstore.Store) error {
		for _, err := range s.Subjects(ctx) {
			if err != nil {
				return err
			}
		}
		return nil
	}},
	{"ping", func(ctx context.Context, s *redisstore.Store) error { return s.Ping(ctx) }},
	{"health", func(ctx context.Context, s *redisstore.Store) error { return s.Health(ctx) }},
}

// ledgerVerbs are how many of them touch a ledger, from the first.
const ledgerVerbs = 11

// openedAt opens a store by URL for the test.
func openedAt(t testing.TB, url string, o *redisstore.Options) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func issueTo(t testing.TB, s store.TokenStore, r store.Record) {
	t.Helper()
	if _, err := s.Issue(t.Context(), store.IssueRequest{Record: r}); err != nil {
		t.Fatal(err)
	}
}

// TestVerbsTellWhatTheServerSays: each code, at every verb, is an outage with its remedy and never "unknown".
func TestVerbsTellWhatTheServerSays(t *testing.T) {
	server := testenv.SharedRedis(t)
	for _, c := range []struct {
		message string
		is      error
		words   []string
	}{
		{"READONLY You can't write against a read only replica.", store.ErrUnavailable, []string{"READONLY", "replica", "name the master"}},
		{"LOADING Redis is loading the dataset in memory", store.ErrUnavailable, []string{"LOADING", "wait"}},
		{"OOM command not allowed when used memory > 'maxmemory'.", store.ErrUnavailable, []string{"OOM", "raise maxmemory"}},
		{"MISCONF Redis is configured to save RDB snapshots", store.ErrUnavailable, []string{"MISCONF", "look at its log"}},
		{"NOREPLICAS Not enough good replicas to write.", store.ErrUnavailable, []string{"NOREPLICAS", "start them"}},
		{"MASTERDOWN Link with MASTER is down", store.ErrUnavailable, []string{"MASTERDOWN", "wait"}},
		{"CLUSTERDOWN The cluster is down", store.ErrUnavailable, []string{"CLUSTERDOWN", "wait"}},
		{"BUSY Redis is busy running a script.", store.ErrUnavailable, []string{"BUSY", "SCRIPT KILL"}},
		{"NOSCRIPT No matching script.", store.ErrUnavailable, []string{"NOSCRIPT", "SCRIPT FLUSH"}},
		{"NOAUTH Authentication required.", store.ErrUnavailable, []string{"NOAUTH", "password"}},
		{"NOPERM " + secretName + " has no permissions", store.ErrUnavailable, []string{"NOPERM", "docs/operating-redis.md"}},
		{"WRONGTYPE Operation against a key", store.ErrCorrupt, []string{"foreign", "docs/keys.md"}},
		{"UNBLOCKED force unblock", store.ErrUnavailable, []string{"UNBLOCKED", "try again"}},
		{"SOMETHING new about " + secretName, store.ErrUnavailable, []string{"SOMETHING", "its log tells more"}},
		{"ERR unknown command, with args beginning with: " + secretPassword, store.ErrUnavailable, []string{"the server answered ERR"}},
		{secretPassword, store.ErrUnavailable, []string{"the server answered with an error"}},
	} {
		name, _, _ := strings.Cut(c.message, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e ear
			p := cutProxyTo(t, server)
			s := openedAt(t, p.url(), e.options(testenv.Prefix(t)))
			p.answers(func(args []string) string {
				if slices.Contains([]string{"hello", "client"}, args[0]) {
					return ""
				}
				return "-" + c.message + "\r\n"
			})
			for _, v := range everyVerb {
				began := time.Now()
				err := v.call(t.Context(), s)
				e.note(err, s)
				if !errors.Is(err, c.is) {
					t.Errorf("%s: %v, want %v", v.name, err, c.is)
					continue
				}
				told(t, err, c.is, c.words...)
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("%s took %v", v.name, took)
				}
			}
			p.answers(nil)
			if err := everyVerb[0].call(t.Context(), s); err != nil {
				t.Errorf("when the server is well again: %v", err)
			}
			e.heardNoSecret(t)
		})
	}
}

// TestFullServer: what only adds is refused with what to do; what shortens a life, and the feed, pass.
func TestFullServer(t *testing.T) {
	server := testenv.Redis(t, testenv.MaxMemory("64mb", "noeviction"))
	var e ear
	s := openedAt(t, server.URL(), e.options("full:"))
	other := secretRecord()
	other.ID = store.NewID()
	issueTo(t, s, secretRecord())
	issueTo(t, s, other)
	server.Do("CONFIG", "SET", "maxmemory", "1")
	for _, v := range everyVerb {
		err := v.call(t.Context(), s)
		e.note(err, s)
		switch {
		case slices.Contains([]string{"issue", "update", "touch"}, v.name):
			told(t, err, store.ErrUnavailable, "OOM", "raise maxmemory", "revocations still pass")
		case err != nil:
			t.Errorf("%s: %v", v.name, err)
		}
	}
	state, err := s.Lookup(t.Context(), secretSubject(), secretID, other.ID)
	if err != nil || state.Entries[0].Status == store.Live || state.Entries[1].Status == store.Live || state.Cut == 0 {
		t.Errorf("after the revocations: %+v, %v", state.Entries, err)
	}
	if n := evicted(t, server); n != 0 {
		t.Errorf("%d keys were evicted under noeviction", n)
	}
	e.heardNoSecret(t)
}

// TestMasterBecomesReplica: on a server that was demoted every write and poll is refused, and nothing is lost by it.
func TestMasterBecomesReplica(t *testing.T) {
	server := testenv.Redis(t)
	var e ear
	s := openedAt(t, server.URL(), e.options("ro:"))
	issueTo(t, s, secretRecord())
	server.Do("REPLICAOF", "127.0.0.1", "1")
	for _, v := range everyVerb {
		err := v.call(t.Context(), s)
		e.note(err, s)
		if reads := slices.Contains([]string{"lookup", "list", "subjects", "ping"}, v.name); reads == (err != nil) {
			t.Errorf("%s: %v", v.name, err)
		} else if err != nil && v.name != "health" {
			told(t, err, store.ErrUnavailable, "READONLY", "name the master")
		}
	}
	server.Do("REPLICAOF", "NO", "ONE")
	state, err := s.Lookup(t.Context(), secretSubject(), secretID)
	if err != nil || state.Entries[0].Status != store.Live {
		t.Errorf("after its promotion: %+v, %v", state, err)
	}
	e.heardNoSecret(t)
}

// spoiled is a store whose secret subject has a session, and the keys that a test spoils.
type spoiled struct {
	*redisstore.Store
	e      *ear
	server *testenv.RedisServer
	keys   keyspace.Redis
}

func spoil(t *testing.T) *spoiled {
	sp := &spoiled{e: &ear{}, server: testenv.SharedRedis(t)}
	prefix := testenv.Prefix(t)
	sp.Store = openedAt(t, sp.server.URL(), sp.e.options(prefix))
	sp.keys = keyspace.NewRedis(prefix, 16)
	issueTo(t, sp, secretRecord())
	return sp
}

func (sp *spoiled) ledger() string { return sp.keys.Ledger(secretSubject().Digest()) }
func (sp *spoiled) feed() string   { return sp.keys.Feed(secretSubject().Digest().Partition(16)) }

// bob has a ledger of his own, whose key is returned.
func (sp *spoiled) bob(t *testing.T) string {
	r := secretRecord()
	r.Subject = store.User("bob-the-other")
	issueTo(t, sp, r)
	return sp.keys.Ledger(r.Subject.Digest())
}

// swapIDs puts the record of another id under the secret one's field.
func (sp *spoiled) swapIDs(t *testing.T) {
	r := secretRecord()
	r.ID = "another-id"
	issueTo(t, sp, r)
	f, g := keyspace.FieldOf(r.ID), keyspace.FieldOf(secretID)
	value, ok := sp.server.Do("HGET", sp.ledger(), string(f[:])).(string)
	if !ok {
		t.Fatal("the record is not there")
	}
	sp.server.Do("HSET", sp.ledger(), string(g[:]), value)
}

// TestForeignValues: what stands under our keys and is not ours is ErrCorrupt at every verb that meets it, and none takes
// it for a session or for the absence of a revocation.
func TestForeignValues(t *testing.T) {
	var ledger []string
	for _, v := range everyVerb[:ledgerVerbs] {
		ledger = append(ledger, v.name)
	}
	feed := []string{"revoke others", "revoke ids", "revoke all", "forget", "poll"}
	do := func(commands ...[]string) func(*testing.T, *spoiled) {
		return func(_ *testing.T, sp *spoiled) {
			for _, words := range commands {
				words = slices.Clone(words)
				for i := range words {
					words[i] = strings.NewReplacer("LEDGER", sp.ledger(), "FEED", sp.feed()).Replace(words[i])
				}
				sp.server.Do(words...)
			}
		}
	}
	for _, c := range []struct {
		rule    string
		spoil   func(*testing.T, *spoiled)
		corrupt []string // the verbs that must say so; the others may pass
	}{
		{"a string for a ledger", do([]string{"SET", "LEDGER", secretName}), ledger},
		{"a list for a ledger", do([]string{"DEL", "LEDGER"}, []string{"RPUSH", "LEDGER", secretName}), ledger},
		{"garbage for a head", do([]string{"HSET", "LEDGER", "h", secretName}), ledger},
		{"an empty head", do([]string{"HSET", "LEDGER", "h", ""}), ledger},
		{"no head", do([]string{"HDEL", "LEDGER", "h"}), []string{"lookup", "list"}},
		{"garbage for a floor", do([]string{"HSET", "LEDGER", "x", secretName}), ledger},
		{"another subject's ledger", func(t *testing.T, sp *spoiled) { sp.server.Do("COPY", sp.bob(t), sp.ledger(), "REPLACE") }, ledger},
		{"another subject's ledger, renamed", func(t *testing.T, sp *spoiled) { sp.server.Do("RENAME", sp.bob(t), sp.ledger()) }, ledger},
		{"another id's record", func(t *testing.T, sp *spoiled) { sp.swapIDs(t) }, []string{"lookup", "list"}},
		{"garbage for a record", func(_ *testing.T, sp *spoiled) {
			f := keyspace.FieldOf(secretID)
			sp.server.Do("HSET", sp.ledger(), string(f[:]), secretName)
		}, []string{"issue", "lookup", "list", "rotate", "update", "touch", "revoke others", "revoke class"}},
		{"a string for a feed", do([]string{"SET", "FEED", secretName}), feed},
		{"a list for a feed", do([]string{"DEL", "FEED"}, []string{"RPUSH", "FEED", secretName}), feed},
		{"garbage in a feed", do([]string{"XADD", "FEED", "*", "e", secretName}), feed},
		{"two fields in a feed's event", do([]string{"XADD", "FEED", "*", "e", "a", "f", "b"}), feed},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			for _, v := range everyVerb {
				sp := spoil(t) // a verb may repair what another must meet
				c.spoil(t, sp)
				err := v.call(t.Context(), sp.Store)
				sp.e.note(err, sp)
				if must := slices.Contains(c.corrupt, v.name); (must || err != nil) && !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v, want ErrCorrupt", v.name, err)
				}
				sp.e.heardNoSecret(t)
			}
		})
	}
}

// TestFlippedBytes: whatever byte of a record or a head is flipped, every verb answers with an error of the contract or
// with a value, a flipped identity is never accepted, and no damaged record stops a revocation.
func TestFlippedBytes(t *testing.T) {
	sp := spoil(t)
	f := keyspace.FieldOf(secretID)
	field := string(f[:])
	sound := map[string]string{}
	for _, name := range []string{field, "h"} {
		sound[name], _ = sp.server.Do("HGET", sp.ledger(), name).(string)
	}
	const identity = 9 // version and form, and the check
	contract := []error{nil, store.ErrCorrupt, store.ErrNotFound, store.ErrRevoked, store.ErrExists, store.ErrConflict, store.ErrInvalid}
	revocations := []string{"revoke ids", "revoke all", "forget"}
	refused, total := 0, 0
	for name, value := range sound {
		for i := range len(value) {
			bad := []byte(value)
			bad[i] ^= []byte{0x01, 0x80, 0xff}[i%3]
			for _, v := range everyVerb[:ledgerVerbs] {
				sp.server.Do("DEL", sp.ledger())
				sp.server.Do("HSET", sp.ledger(), field, sound[field], "h", sound["h"], name, string(bad))
				err := v.call(t.Context(), sp.Store)
				total++
				if errors.Is(err, store.ErrCorrupt) {
					refused++
				}
				where := fmt.Sprintf("%s with byte %d of %q flipped: %v", v.name, i, name[:1], err)
				switch {
				case !slices.ContainsFunc(contract, func(is error) bool { return errors.Is(err, is) }):
					t.Error(where)
				case i < identity && (name == "h" || v.name == "lookup") && err == nil:
					t.Errorf("accepted: %s", where)
				case name == field && err != nil && slices.Contains(revocations, v.name):
					t.Errorf("a damaged record stops a revocation: %s", where)
				}
				sp.e.note(err)
			}
		}
	}
	if refused == 0 {
		t.Error("nothing was refused")
	}
	t.Logf("%d calls on flipped bytes: %d refused, the others answered", total, refused)
	sp.e.heardNoSecret(t)
}
