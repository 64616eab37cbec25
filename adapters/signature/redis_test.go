package signature_test

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jetonkit/jeton/adapters/signature"
	"github.com/jetonkit/jeton/internal/testenv"
	redisstore "github.com/jetonkit/jeton/store/redis"
)

// Of several processes that share Redis one lets a call in, and one that starts later does not.
func TestOneOfManyProcessesGetsIn(t *testing.T) {
	server := testenv.Redis(t)
	keys := must(signature.NewKeys(key(t, "orders-1", 1)))(t)
	process := func() *signature.Verifier {
		s := must(redisstore.Open(t.Context(), server.URL(), &redisstore.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}))(t)
		t.Cleanup(func() { _ = s.Close() })
		return must(signature.NewVerifier(s, keys, audience, nil))(t)
	}
	all := []*signature.Verifier{process(), process(), process()}
	w := &world{signer: must(signature.NewSigner(keys, audience, nil))(t)}
	r := w.request(t, "POST", "/", "x")
	var in, replayed atomic.Int32
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			switch err := all[n%3].Check(again(r, "POST", "/", "x")); {
			case err == nil:
				in.Add(1)
			case reason(t, err) == signature.ReasonReplayed:
				replayed.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 || replayed.Load() != 29 {
		t.Errorf("%d got in, %d were refused as replays", in.Load(), replayed.Load())
	}
	expect(t, process().Check(again(r, "POST", "/", "x")), signature.ReasonReplayed)
}
