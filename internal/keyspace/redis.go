package keyspace

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/jetonkit/jeton/store"
)

// Redis builds the keys of one keyspace on a Redis server. Between the braces of a key stands its partition's tag, so that
// a ledger and its feed share a slot, and the partitions' slots are evenly spaced over a cluster's.
type Redis struct {
	prefix string
	tagged []string // what the keys of each partition begin with
}

// slots is how many hash slots a cluster has.
const slots = 16384

// NewRedis returns the keys of a keyspace with that many partitions, a divisor of 16384.
func NewRedis(prefix string, partitions int) Redis {
	k := Redis{prefix: prefix, tagged: tags(partitions)}
	for i, tag := range k.tagged {
		k.tagged[i] = prefix + "{" + tag + "}:"
	}
	return k
}

// tags returns the shortest tags whose slots begin the partitions, by trying numbers in base 36. They are part of the
// keys for ever.
func tags(partitions int) []string {
	out := make([]string, partitions)
	step := uint16(slots / partitions)
	for n, left := uint64(0), partitions; left > 0; n++ {
		tag := strconv.FormatUint(n, 36)
		if slot := Slot(tag); slot%step == 0 && out[slot/step] == "" {
			out[slot/step] = tag
			left--
		}
	}
	return out
}

// Slot returns the hash slot of a tag: CRC-16/XMODEM modulo 16384 (Redis cluster specification).
func Slot(tag string) uint16 {
	var crc uint16
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % slots
}

// Partitions returns how many partitions there are.
func (k Redis) Partitions() int { return len(k.tagged) }

// Ledger is the key of a subject's ledger.
func (k Redis) Ledger(d store.Digest) string {
	var buf [128]byte
	b := append(buf[:0], k.tagged[d.Partition(len(k.tagged))]...)
	b = append(b, "s:"...)
	return string(base64.RawURLEncoding.AppendEncode(b, d[:]))
}

// Subject returns the digest in a ledger's key; false where the key is none of this keyspace.
func (k Redis) Subject(key string) (d store.Digest, ok bool) {
	_, text, found := strings.Cut(key, "}:s:")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if !found || err != nil || len(raw) != len(d) {
		return d, false
	}
	d = store.Digest(raw)
	return d, k.Ledger(d) == key
}

// Ledgers is a pattern that matches the keys of all ledgers.
func (k Redis) Ledgers() string { return Glob(k.prefix) + "{*}:s:*" }

// Feed is the key of a partition's feed.
func (k Redis) Feed(partition int) string { return k.tagged[partition] + "f" }

// Tails is the key of the nonces of all feeds' last events, eight bytes each, on a server that holds all partitions.
func (k Redis) Tails() string { return k.prefix + "tails" }

// Space is the key of what the keyspace's ledgers share; it does not depend on the partitions.
func (k Redis) Space() string { return k.prefix + "space" }

// Bell is the channel that events are rung on.
func (k Redis) Bell() string { return k.prefix + "bell" }

// Glob escapes a text for Redis patterns.
func Glob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(text)
}
