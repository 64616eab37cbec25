package redisstore_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// TestGolden holds what the scripts write to the bytes that were written once and that internal/wire reads: another form
// here loses people's sessions, or worse their revocations. A new form needs a new version; see internal/wire's TestGolden.
func TestGolden(t *testing.T) {
	server := testenv.SharedRedis(t)
	prefix := testenv.Prefix(t)
	noon := time.Date(2100, time.March, 4, 12, 0, 0, 123_456_000, time.UTC)
	now := noon
	s := openedAt(t, server.URL(), &redisstore.Options{Prefix: prefix, Partitions: 16, MaxMarks: 1, Now: func() time.Time { return now }})
	ann := store.Subject{Kind: store.KindUser, Realm: "acme", Name: "ann"}
	const id = "an id that needs a hash"
	var link store.Link
	for i := range link {
		link[i] = 0xA0 + byte(i)
	}
	issueTo(t, s, store.Record{
		ID: id, Subject: ann, Class: "web", Link: link, Binding: "thumbprint", ExpiresAt: noon.Add(24 * time.Hour), Metadata: map[string]string{"agent": "curl/8"},
	})
	revoke := func(after time.Duration, r store.Revocation) {
		now, r.Subject = noon.Add(after), ann
		if err := s.Revoke(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	revoke(time.Hour, store.Revocation{IDs: []string{"barred"}, Reason: "stolen"})
	revoke(2*time.Hour, store.Revocation{IDs: []string{"sixteen bytes id"}, Reason: "stolen"}) // a mark too many: it raises the floor
	revoke(3*time.Hour, store.Revocation{Others: &store.Others{Keep: id}, Op: store.Op{0x10}})

	keys := keyspace.NewRedis(prefix, 16)
	ledger, feed := keys.Ledger(ann.Digest()), keys.Feed(ann.Digest().Partition(16))
	record, mark := keyspace.FieldOf(id), keyspace.FieldOf("sixteen bytes id")
	values := map[string]string{}
	for name, field := range map[string]string{"order": "h", "spared": "x", "name": "s", "ops": "o", "record": string(record[:]), "mark": string(mark[:])} {
		values[name], _ = server.Do("HGET", ledger, field).(string)
	}
	events, _ := server.Do("XRANGE", feed, "-", "+").([]any)
	for i, name := range []string{"genesis", "notice-ids", "notice-floor", "notice-keep"} {
		body, _ := events[i].([]any)[1].([]any)[1].(string)
		values[name] = body[:1] + strings.Repeat("\x07", 8) + body[9:] // the nonce is random
	}
	if len(events) != 4 {
		t.Errorf("%d events", len(events))
	}
	for name, value := range values {
		path := filepath.Join("..", "..", "internal", "wire", "testdata", "v1", "redis-"+name+".hex")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v\nthis release writes:\n%x", err, value)
			continue
		}
		if want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), "")); err != nil || !bytes.Equal(want, []byte(value)) {
			t.Errorf("the form of %s has changed without a new version:\n got %x\nwant %x, %v", name, value, want, err)
		}
	}
}
