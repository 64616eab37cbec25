package wire

import (
	"encoding/binary"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/internal/ledger"
	"github.com/jetonkit/jeton/store"
)

// Keyspace is what the ledgers of one keyspace share.
type Keyspace struct {
	// Birth is when it began.
	Birth time.Time
	// MaxTokenLife is how long access tokens live in it at most.
	MaxTokenLife time.Duration
	// Partitions is how many its keys are spread over; zero where they are not.
	Partitions int
}

// AppendKeyspace appends the form of a keyspace.
func AppendKeyspace(b []byte, k Keyspace) []byte {
	b = append(b, tagged(kindSpace))
	b = appendMicro(b, k.Birth)
	b = binary.AppendUvarint(b, uint64(k.MaxTokenLife))
	if k.Partitions == 0 {
		return b
	}
	return binary.AppendUvarint(b, uint64(k.Partitions))
}

// DecodeKeyspace reads what AppendKeyspace wrote.
func DecodeKeyspace(b []byte) (k Keyspace, err error) {
	d, kind, err := open(b)
	if err != nil {
		return Keyspace{}, err
	}
	if kind != kindSpace {
		return Keyspace{}, corrupt("the value is no keyspace")
	}
	k.Birth, k.MaxTokenLife = d.micro(), time.Duration(d.uvarint())
	if len(d.b) > 0 {
		k.Partitions = d.count(1 << 14)
	}
	if err := d.end(); err != nil {
		return Keyspace{}, err
	}
	if k.Birth.IsZero() || k.MaxTokenLife <= 0 {
		return Keyspace{}, corrupt("the keyspace has no birth or no token life")
	}
	return k, nil
}

// AppendDocument appends the form of a whole ledger: its head, and its entries in the order of fields, each behind its
// length.
func AppendDocument(b []byte, subject store.Digest, h *ledger.Head, entries []ledger.Entry) []byte {
	b = append(b, tagged(kindLedger))
	b = appendText(b, string(AppendHead(nil, subject, h)))
	for i := range entries {
		b = append(b, entries[i].Field[:]...)
		b = appendText(b, string(AppendEntry(nil, subject, &entries[i])))
	}
	return b
}

// DecodeDocument reads what AppendDocument wrote for the same subject.
func DecodeDocument(b []byte, subject store.Digest) (ledger.Head, []ledger.Entry, error) {
	none := ledger.Head{}
	d, kind, err := open(b)
	if err != nil {
		return none, nil, err
	}
	if kind != kindLedger {
		return none, nil, corrupt("the value is no ledger")
	}
	head := d.bytes(d.uvarint())
	if d.failed {
		return none, nil, corrupt("the value is truncated")
	}
	h, err := DecodeHead(head, subject)
	if err != nil {
		return none, nil, err
	}
	var entries []ledger.Entry
	for last := (keyspace.Field{}); len(d.b) > 0; {
		var f keyspace.Field
		d.fill(f[:])
		value := d.bytes(d.uvarint())
		if d.failed || f.Compare(last) <= 0 {
			return none, nil, corrupt("the value is truncated, or its entries are out of order")
		}
		en, err := DecodeEntry(value, subject, f)
		if err != nil {
			return none, nil, err
		}
		entries, last = append(entries, en), f
	}
	return h, entries, counted(&h, entries)
}

// counted holds the head's counters to the entries: what is missing must not go unnoticed.
func counted(h *ledger.Head, entries []ledger.Entry) error {
	marks := 0
	for i := range entries {
		if entries[i].Mark != nil {
			marks++
		}
	}
	if h.Entries != len(entries) || h.Marks != marks {
		return corrupt("the ledger does not hold what its head says")
	}
	return nil
}
