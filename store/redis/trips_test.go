package redisstore_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// meter counts what a client sends: each write to a connection is one trip to the server.
type meter struct {
	trips    atomic.Int64
	commands atomic.Int64
}

type meteredConn struct {
	net.Conn
	m *meter
}

func (c meteredConn) Write(b []byte) (int, error) {
	c.m.trips.Add(1)
	c.m.commands.Add(int64(bytes.Count(b, []byte("\r\n*")) + 1)) // no argument of the calls counted ends so
	return c.Conn.Write(b)
}

func (m *meter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	return meteredConn{conn, m}, err
}

// opened is a store on a metered client.
type opened struct {
	*redisstore.Store
	*meter
	t      *testing.T
	server *testenv.RedisServer
	prefix string
}

func open(t *testing.T, o redisstore.Options) *opened {
	t.Helper()
	out := &opened{meter: &meter{}, t: t, server: testenv.SharedRedis(t), prefix: testenv.Prefix(t)}
	o.Prefix = out.prefix
	client := redis.NewClient(&redis.Options{Addr: out.server.Addr(), ContextTimeoutEnabled: true, MaxRetries: -1, Dialer: out.dial})
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(t.Context(), client, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	out.Store = s
	return out
}

// login issues a session.
func (o *opened) login(s store.Subject, metadata map[string]string) store.Record {
	o.t.Helper()
	got, err := o.Issue(o.t.Context(), store.IssueRequest{Record: store.Record{
		ID: store.NewID(), Subject: s, Link: store.NewLink(), ExpiresAt: time.Now().Add(24 * time.Hour), Metadata: metadata,
	}})
	if err != nil {
		o.t.Fatal(err)
	}
	return got.Record
}

// TestRoundTrips counts: every question is one trip, whatever the subject holds.
func TestRoundTrips(t *testing.T) {
	for _, sessions := range []int{1, 10_000} {
		t.Run(fmt.Sprint(sessions), func(t *testing.T) {
			s := open(t, redisstore.Options{})
			ctx, ann := t.Context(), store.User("ann")
			rec := s.login(ann, nil)
			for range sessions - 1 {
				s.login(ann, nil)
			}
			for _, op := range []struct {
				name string
				do   func() error
			}{
				{"Lookup, as Verify asks", func() error { _, err := s.Lookup(ctx, ann, rec.ID, "jti"); return err }},
				{"Lookup of nobody", func() error { _, err := s.Lookup(ctx, store.User("nobody"), "jti"); return err }},
				{"Issue", func() error { s.login(ann, nil); return nil }},
				{"Touch", func() error { return s.Touch(ctx, store.TouchRequest{Subject: ann, ID: rec.ID}) }},
				{"Rotate", func() error {
					got, err := s.Rotate(ctx, store.RotateRequest{Subject: ann, ID: rec.ID, Rotation: rec.Rotation, Link: rec.Link, NextLink: store.NewLink()})
					rec = got.Record
					return err
				}},
				{"Update", func() error {
					got, err := s.Update(ctx, store.UpdateRequest{Subject: ann, ID: rec.ID, Version: rec.Version, Metadata: map[string]string{"a": "b"}})
					rec = got
					return err
				}},
				{"Revoke of ids", func() error { return s.Revoke(ctx, store.Revocation{Subject: ann, IDs: []string{store.NewID()}}) }},
				{"List", func() error { _, err := s.List(ctx, ann, store.Page{}); return err }},
				{"Once", func() error { return store.Once(ctx, s, "scope", store.NewID(), time.Now().Add(time.Minute)) }},
				{"Revoke of others", func() error {
					return s.Revoke(ctx, store.Revocation{Subject: ann, Others: &store.Others{Keep: rec.ID}})
				}},
				{"Revoke of all", func() error { return s.Revoke(ctx, store.Revocation{Subject: ann, All: true}) }},
				{"Forget", func() error { return s.Forget(ctx, ann) }},
			} {
				if err := op.do(); err != nil { // the first loads the script
					t.Fatalf("%s: %v", op.name, err)
				}
				if strings.HasPrefix(op.name, "Revoke of others") || op.name == "Revoke of all" || op.name == "Forget" {
					rec = s.login(ann, nil)
				}
				before := s.trips.Load()
				if err := op.do(); err != nil {
					t.Fatalf("%s: %v", op.name, err)
				}
				if got := s.trips.Load() - before; got != 1 {
					t.Errorf("%s took %d round trips", op.name, got)
				}
			}
		})
	}
}
