package statuslist_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetonkit/jeton/revocation/statuslist"
	"github.com/jetonkit/jeton/store"
)

// An older list is not taken when the newer one has expired either, and one that says the same does not make it forgotten.
func TestRollbackBehindTheEnd(t *testing.T) {
	for rule, ends := range map[string]m{"of no end": {"exp": nil}, "of an end": nil} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				far := time.Now().Unix() + 36_000
				clean := m{"bits": 1, "lst": b64(pack(t, make([]byte, 2)))}
				old, same := signed(t, m{"exp": far, "status_list": clean}), signed(t, m{"exp": far})
				time.Sleep(time.Second)
				n := &network{handler: answer(signed(t, ends))}
				lists := consumer(t, n, statuslist.ConsumerOptions{})
				ref := statuslist.Reference{URI: listURI}
				for step, text := range []string{"", old, same, old} {
					if text != "" {
						n.serve(answer(text))
						time.Sleep(10 * time.Minute)
					}
					s, err := lists.Status(t.Context(), ref)
					kept := text == old && step > 2 // the one that says the same has an end far away
					if good := text != old || kept; good && err != nil || !good && !errors.Is(err, store.ErrUnavailable) || s != statuslist.Invalid {
						t.Errorf("step %d: %v, %v", step, s, err)
					}
				}
			})
		})
	}
}

// A list cannot have itself asked for more often than once a second (draft §11.5).
func TestShortTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{handler: answer(signed(t, m{"ttl": 1e-9}))}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		for _, s := range []struct {
			after time.Duration
			asked int
		}{{0, 1}, {999 * time.Millisecond, 1}, {time.Millisecond, 2}} {
			time.Sleep(s.after)
			must(lists.Status(t.Context(), statuslist.Reference{URI: listURI}))(t)
			if n.count() != s.asked {
				t.Errorf("after %v asked %d times, want %d", s.after, n.count(), s.asked)
			}
		}
	})
}

// A list is as old as the question, and so is an answer of 304: it may have been made at once, and been on its way since.
func TestTTLCountsFromTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := answer(signed(t, nil))
		n := &network{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(5 * time.Second)
			w.Header().Set("ETag", `"x"`)
			if r.Header.Get("If-None-Match") != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			list(w, r)
		})}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		began := time.Now()
		for _, s := range []struct {
			at    time.Duration
			asked int
		}{{0, 1}, {59 * time.Second, 1}, {time.Minute, 2}, {119 * time.Second, 2}, {2 * time.Minute, 3}} {
			time.Sleep(time.Until(began.Add(s.at)))
			must(lists.Status(t.Context(), statuslist.Reference{URI: listURI}))(t)
			if n.count() != s.asked {
				t.Errorf("after %v asked %d times, want %d", s.at, n.count(), s.asked)
			}
		}
		time.Sleep(5 * time.Second) // the last question's answer
	})
}

// While a publisher hangs, who has a list that has not expired waits for a second, and only the first to ask does.
func TestAPublisherThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := answer(signed(t, nil))
		n := &network{handler: list}
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		ask := func(ctx context.Context, want error, asked int, took time.Duration) {
			t.Helper()
			began := time.Now()
			s, err := lists.Status(ctx, statuslist.Reference{URI: listURI})
			if s != statuslist.Invalid || !errors.Is(err, want) || n.count() != asked || time.Since(began) != took {
				t.Errorf("%v, %v, asked %d times in %v, want %v, %d, %v", s, err, n.count(), time.Since(began), want, asked, took)
			}
		}
		ask(t.Context(), nil, 1, 0)
		n.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			_, _ = io.WriteString(w, "late")
		}))
		time.Sleep(time.Minute)
		ask(t.Context(), nil, 2, time.Second)
		ask(t.Context(), nil, 2, 0)
		time.Sleep(9 * time.Second) // the fetch has failed
		ask(t.Context(), nil, 2, 0)
		time.Sleep(time.Second)
		hurry, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		ask(hurry, context.DeadlineExceeded, 3, time.Second/2)
		time.Sleep(9*time.Second + time.Second/2)
		time.Sleep(518*time.Second + time.Second/2) // half a second before the end
		ask(t.Context(), store.ErrUnavailable, 4, time.Second)
		ask(t.Context(), store.ErrUnavailable, 4, 9*time.Second)
		n.serve(answer(signed(t, nil)))
		time.Sleep(time.Second)
		ask(t.Context(), nil, 5, 0)
	})
}

// A list that is being fetched is not forgotten for another, though there is no room: it would be fetched twice.
func TestMaxListsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := answer(signed(t, nil))
		n := &network{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			list(w, r)
		})}
		lists := consumer(t, n, statuslist.ConsumerOptions{MaxLists: 1})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { must(lists.Status(t.Context(), statuslist.Reference{URI: listURI}))(t) })
			synctest.Wait()
			if _, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI + "2"}); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%v", err)
			}
		}
		all.Wait()
		if n.count() != 1 {
			t.Errorf("asked %d times", n.count())
		}
	})
}

// Why a list cannot be had is told without the words of others; a list of the same second is no older one.
func TestWordsAndSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{handler: answer(signed(t, m{"ttl": 1}))}
		clean := signed(t, m{"ttl": 1, "status_list": m{"bits": 1, "lst": b64(pack(t, make([]byte, 2)))}})
		lists := consumer(t, n, statuslist.ConsumerOptions{})
		n.fail(errors.New("hunter2"))
		var failed *statuslist.FetchError
		_, err := lists.Status(t.Context(), statuslist.Reference{URI: listURI})
		if !errors.As(err, &failed) || failed.Error() != "jeton: status list: it cannot be reached" {
			t.Errorf("%v", err)
		}
		n.fail(nil)
		time.Sleep(time.Second)
		must(lists.Status(t.Context(), statuslist.Reference{URI: listURI}))(t)
		n.serve(answer(clean))
		time.Sleep(time.Second)
		if s := must(lists.Status(t.Context(), statuslist.Reference{URI: listURI}))(t); s != statuslist.Valid {
			t.Errorf("of the same second: %v", s)
		}
	})
}
