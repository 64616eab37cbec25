package redisstore

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/jetonkit/jeton/store"
)

// told is an error as a server tells it.
type told string

func (e told) Error() string { return string(e) }
func (told) RedisError()     {}

// TestLanesForgetNodes: nodes come and go, and what is kept of them does not grow. It kills lanes that are never removed.
func TestLanesForgetNodes(t *testing.T) {
	s := &Store{}
	stays := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer stays.Close() //nolint:errcheck // it never connected
	ways := s.lanesOf(stays)
	for range 100 {
		n := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		s.lanesOf(n)
		_ = n.Close()
		if s.lanesOf(stays) != ways {
			t.Fatal("the lanes of a node in use were forgotten: its callers would share nothing")
		}
	}
	kept := 0
	s.lanes.Range(func(any, any) bool { kept++; return true })
	if kept > 3 {
		t.Errorf("the lanes of %d nodes are kept, 2 are in use", kept)
	}
}

// TestJudge: which errors are tried again, and after which a write may be in effect.
func TestJudge(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	cases := []struct {
		name   string
		err    error
		again  [2]bool // at first, and after many tries
		unsure bool
	}{
		{"a lost reply is asked for again, a few times", io.EOF, [2]bool{true, false}, true},
		{"a node that is gone is tried a few times, and got nothing", dial, [2]bool{true, false}, false},
		{"a full pool got nothing and is not crowded more", redis.ErrPoolTimeout, [2]bool{false, false}, false},
		{"a redirection is followed however often", told("MOVED 1 127.0.0.1:7000"), [2]bool{true, true}, false},
		{"a slot that is being moved is waited for", told("TRYAGAIN Multiple keys request"), [2]bool{true, true}, false},
		{"a failover is waited for a little", told("CLUSTERDOWN The cluster is down"), [2]bool{true, false}, false},
		{"a failover that ends a wait leaves the write", told("UNBLOCKED force unblock"), [2]bool{true, false}, true},
		{"a refusal is final", told("NOREPLICAS Not enough good replicas to write."), [2]bool{false, false}, false},
		{"too few replicas are the caller's to repeat", store.ErrIndeterminate, [2]bool{false, false}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for i, attempt := range []int{0, 10} {
				tr := &try{call: call{write: true}, attempt: attempt}
				if _, again := (&Store{}).judge(t.Context(), c.err, tr); again != c.again[i] || tr.unsure != c.unsure {
					t.Errorf("try %d: again %v, unsure %v", attempt, again, tr.unsure)
				}
			}
		})
	}
	unknown := &try{call: call{write: true, script: touchScript}, form: bySHA}
	if _, again := (&Store{}).judge(t.Context(), told("NOSCRIPT No matching script."), unknown); !again || unknown.form != byText {
		t.Error("an unknown script must be sent in full")
	}
	if _, again := (&Store{}).judge(t.Context(), told("NOSCRIPT No matching script."), unknown); again {
		t.Error("a script that was sent in full and is unknown must end the call")
	}
	asked := &try{}
	(&Store{}).judge(t.Context(), told("ASK 1 127.0.0.1:7000"), asked)
	if asked.to != (target{"127.0.0.1:7000", true}) {
		t.Errorf("ASK leads to %v", asked.to)
	}
	(&Store{}).judge(t.Context(), io.EOF, asked)
	if asked.to != (target{}) {
		t.Error("a redirection must not outlive the try it was for")
	}
}
