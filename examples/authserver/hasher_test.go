package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
)

func TestHasher(t *testing.T) {
	h := newHasher(strong(), 1)
	ctx := t.Context()
	hash, err := h.hash(ctx, password)
	check(t, err)
	if again, err := h.hash(ctx, password); err != nil || again == hash {
		t.Error("two hashes of a password are equal")
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the parameters are not in %s", hash)
	}
	salt := []byte("some salt")
	for _, c := range []struct {
		rule, encoded, password string
		ok                      bool
	}{
		{"the password", hash, password, true},
		{"another password", hash, password + "x", false},
		{"the empty password", hash, "", false},
		{"nobody's", "", "", false},
		{"a hash with other parameters", encode(parameters{64, 3, 2}, salt, argon2.IDKey([]byte("x"), salt, 3, 64, 2, hashBytes)), "x", true},
	} {
		if ok, err := h.verify(ctx, c.encoded, c.password); err != nil || ok != c.ok {
			t.Errorf("%s: %v %v", c.rule, ok, err)
		}
	}
	for _, damaged := range []string{
		"x", "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA", strings.Replace(hash, "argon2id", "argon2i", 1), strings.Replace(hash, "v=19", "v=16", 1),
		strings.Replace(hash, "m=19456", "m=4294967295", 1), strings.Replace(hash, "t=2", "t=0", 1), strings.Replace(hash, "p=1", "p=0", 1),
		hash[:len(hash)-4], hash + "$",
	} {
		if ok, err := h.verify(ctx, damaged, password); ok || !errors.Is(err, errHash) {
			t.Errorf("%s: %v %v", damaged, ok, err)
		}
	}
}

// One at a time means one: the second waits for its turn, and gives up after a while. That it is nobody's password that waits
// shows that it is hashed like any other.
func TestHasherIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(strong(), 1)
		h.slots <- struct{}{}
		done := make(chan error, 1)
		verify := func() {
			_, err := h.verify(t.Context(), "", password)
			done <- err
		}
		go verify()
		time.Sleep(hashWait - 1)
		synctest.Wait()
		if len(done) > 0 {
			t.Fatalf("it did not wait: %v", <-done)
		}
		<-h.slots
		check(t, <-done)

		h.slots <- struct{}{}
		go verify()
		if err := <-done; !errors.Is(err, errBusy) {
			t.Errorf("it waited for ever: %v", err)
		}
	})
}
