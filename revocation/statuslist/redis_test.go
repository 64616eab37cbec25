package statuslist_test

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jetonkit/jeton/internal/testenv"
	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
	redisstore "github.com/jetonkit/jeton/store/redis"
	"github.com/jetonkit/jeton/token"
)

// Over Redis one process logs in and another publishes, to a third that has neither, over HTTP.
func TestTwoProcessesOnRedis(t *testing.T) {
	server := testenv.Redis(t)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	open := func() *redisstore.Store {
		s := must(redisstore.Open(t.Context(), server.URL(), &redisstore.Options{Logger: quiet}))(t)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	logins, publishes := open(), open()
	key := signingKey(t, "k1")

	feed := must(store.FeedOf(publishes))(t)
	view := must(revocation.Open(t.Context(), feed, &revocation.Options{MaxStale: 100 * time.Millisecond, Logger: quiet}))(t)
	t.Cleanup(func() { check(t, view.Close()) })
	web := httptest.NewUnstartedServer(nil)
	uri := "http://" + web.Listener.Addr().String() + "/status/1"
	o := &statuslist.AllocatorOptions{Size: 1024}
	publisher := must(statuslist.NewPublisher(must(statuslist.NewAllocator(publishes, uri, o))(t), view, key, issuerName,
		&statuslist.PublisherOptions{Interval: time.Second}))(t)
	web.Config.Handler = publisher
	web.Start()
	t.Cleanup(web.Close)

	places := must(statuslist.NewAllocator(logins, uri, o))(t)
	issuer := must(token.NewIssuer(logins, issuerName, key, &token.IssuerOptions{Claims: places.Claims}))(t)
	gone := must(issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{}))(t)
	stays := must(issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{}))(t)
	status := func(p token.Pair) statuslist.Status {
		t.Helper()
		lists := must(statuslist.NewConsumer([]statuslist.Source{{Issuer: issuerName, Keys: key.VerifyKey(), URI: uri}}, nil))(t)
		return must(lists.Status(t.Context(), must(places.Reference(t.Context(), p.Session))(t)))(t)
	}
	if a, b := status(gone), status(stays); a != statuslist.Valid || b != statuslist.Valid {
		t.Fatalf("before: %v, %v", a, b)
	}
	check(t, logins.Revoke(t.Context(), store.Revocation{Subject: store.User("ann"), IDs: []string{gone.Session.ID}}))
	for end := time.Now().Add(10 * time.Second); status(gone) != statuslist.Invalid; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the list does not tell the revocation")
		}
	}
	if s := status(stays); s != statuslist.Valid {
		t.Errorf("the other login is %v", s)
	}
}
