package document_test

import (
	"context"
	"testing"
	"time"

	"github.com/jetonkit/jeton/conformance"
	"github.com/jetonkit/jeton/storetest"
)

// swap is a KV's CompareAndSwap on a disk that has a right one.
type swap func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error)

// put writes whatever is there.
func (d *disk) put(key string, value []byte, expires time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		return false, d.down
	}
	d.serial++
	d.values[key] = versioned{value, d.serial, expires}
	return true, nil
}

// brokenKVs do not keep what KV promises. Only one of them does no harm: a write that an outage has met is tried again, and
// then told as an outage.
var brokenKVs = []struct {
	what string
	rule string // that must find it; empty where none may
	swap swap
}{
	{"replaces under a nil tag", "concurrency/first-logins", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		if tag == nil {
			return d.put(key, value, expires)
		}
		return d.swap(ctx, key, tag, value, expires)
	}},
	{"replaces under an old tag", "concurrency/one-winner", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		if tag != nil {
			return d.put(key, value, expires)
		}
		return d.swap(ctx, key, tag, value, expires)
	}},
	{"acknowledges what lost under a nil tag", "concurrency/first-logins", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		won, err := d.swap(ctx, key, tag, value, expires)
		return won || tag == nil && err == nil, err
	}},
	{"acknowledges what lost under an old tag", "concurrency/one-winner", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		won, err := d.swap(ctx, key, tag, value, expires)
		return won || tag != nil && err == nil, err
	}},
	{"acknowledges what an outage has lost", "outage/in-flight", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		won, err := d.swap(ctx, key, tag, value, expires)
		return won || err != nil, nil
	}},
	{"tells an outage as a lost race", "", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		won, _ := d.swap(ctx, key, tag, value, expires)
		return won, nil
	}},
	{"tells what it has written as a lost race", "limit/oldest", func(d *disk, ctx context.Context, key string, tag any, value []byte, expires time.Time) (bool, error) {
		_, err := d.swap(ctx, key, tag, value, expires)
		return false, err
	}},
}

// TestBrokenKVs shows that the suite finds what is wrong with a KV through the store over it, and what is not wrong.
func TestBrokenKVs(t *testing.T) {
	all := conformance.Check(over(storetest.NewClock(time.Time{}), newDisk))
	for _, kv := range brokenKVs {
		t.Run(kv.what, func(t *testing.T) {
			t.Parallel()
			h := over(storetest.NewClock(time.Time{}), func() *disk { return &disk{values: map[string]versioned{}, faulty: kv.swap} })
			h.Skip = map[string]string{}
			for _, res := range all.Results {
				if kv.rule != "" && res.Rule != kv.rule {
					h.Skip[res.Rule] = "another rule finds it"
				}
			}
			if rep := conformance.Check(h); rep.OK() != (kv.rule == "") {
				t.Errorf("want %q to fail:\n%s", kv.rule, rep)
			}
		})
	}
}
