package ledger

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/jetonkit/jeton/internal/keyspace"
	"github.com/jetonkit/jeton/store"
)

// Lookup is the verb of that name.
func Lookup(env Env, r Reader, subject store.Subject, ids []string) (store.State, error) {
	fields := make([]keyspace.Field, len(ids))
	for i, id := range ids {
		fields[i] = keyspace.FieldOf(id)
	}
	return LookupFields(env, r, subject, fields)
}

// LookupFields is Lookup for who has the ids' fields already.
func LookupFields(env Env, r Reader, subject store.Subject, fields []keyspace.Field) (store.State, error) {
	var h Head
	if err := openHead(&env, r, &h); err != nil {
		return store.State{}, err
	}
	st := store.State{
		Cut: h.Cut, CutTime: h.CutTime, Floor: h.Floor, FloorTime: h.FloorTime,
		Keep: h.Keep, KeptCut: h.KeptCut, Now: env.Now,
	}
	if len(fields) > 0 {
		st.Entries = make([]store.Entry, len(fields))
	}
	for i, f := range fields {
		en, ok, err := r.Get(f)
		if err != nil {
			return store.State{}, err
		}
		if !ok {
			continue
		}
		e := &st.Entries[i]
		e.Status, e.Reason = env.status(&h, &en)
		if e.Status == store.Live {
			e.Record = en.Record
			e.Record.Subject = subject
		}
	}
	return st, nil
}

// scanSlack is how many dead records a page may pass over before it ends short.
const scanSlack = 256

// List is the verb of that name.
func List(env Env, r Reader, subject store.Subject, p store.Page) (store.Records, error) {
	s, err := begin(env, r, subject)
	if err != nil {
		return store.Records{}, err
	}
	at, err := decodeCursor(p.Cursor)
	if err != nil {
		return store.Records{}, err
	}
	out := store.Records{Now: s.Now}
	size := p.Size()
	for budget := size + scanSlack; budget > 0; {
		n := min(budget, size-len(out.Items)+1)
		entries, err := r.Newest(at, n)
		if err != nil {
			return store.Records{}, err
		}
		budget -= n
		for i := range entries {
			en := &entries[i]
			if len(out.Items) == size {
				out.Next = encodeCursor(*at)
				return out, nil
			}
			at = &Position{en.Record.IssuedAt, en.Field}
			if status, _ := s.status(&s.head, en); status == store.Live {
				en.Record.Subject = subject
				out.Items = append(out.Items, en.Record)
			}
		}
		if len(entries) < n {
			return out, nil
		}
	}
	out.Next = encodeCursor(*at)
	return out, nil
}

// cursorForm is the first byte of a cursor, so that another form can follow.
const cursorForm = 1

func encodeCursor(p Position) string {
	b := make([]byte, 0, 1+8+len(p.Field))
	b = append(b, cursorForm)
	b = binary.BigEndian.AppendUint64(b, uint64(p.IssuedAt.UnixMicro()))
	b = append(b, p.Field[:]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(text string) (*Position, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no cursor is no position, and not an error
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	p := new(Position)
	if err != nil || len(b) != 1+8+len(p.Field) || b[0] != cursorForm {
		return nil, store.BadCursor()
	}
	p.IssuedAt = time.UnixMicro(int64(binary.BigEndian.Uint64(b[1:]))).UTC()
	copy(p.Field[:], b[9:])
	return p, nil
}
