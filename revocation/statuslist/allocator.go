package statuslist

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jetonkit/jeton/revocation"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

const (
	// MaxSize is how many places a list can have.
	MaxSize = 1 << 22
	// segment is how many places one ledger holds: a page or two to list, and small enough for every store.
	segment     = 1024
	defaultSize = 1 << 16
	maxURI      = 200 // with the segment it is a subject's name
	// draws is how many places are tried for a token. With half of a list taken, one login in four thousand million finds
	// none.
	draws = 32
	// holder is the issuer of the subjects that hold places, so that they are nobody else's.
	holder = "urn:jeton:statuslist"
	// metaToken is the metadata of a place: whose token has it, as hashes.
	metaToken = "jeton.token"
)

// AllocatorOptions are what an [Allocator] may be told.
type AllocatorOptions struct {
	// Size is how many places the list has: a multiple of 1,024 up to [MaxSize], the same wherever the list's uri is. A
	// token holds its place for the store's MaxTokenLife, so let it be twice the number of access tokens that are minted in
	// that time, or make the store with a shorter one. Defaults to 65,536.
	Size int
}

// Allocator gives access tokens their places in a list. It is safe for concurrent use, and any number of processes may
// have one over the same store.
//
// A place is a record in the store, so that no two tokens ever have one, and it lasts until every token of its time has
// expired. Which place it is follows from a hash of the token's id: a place tells nothing of the order of logins.
type Allocator struct {
	store store.TokenStore
	uri   string
	size  uint64
	hold  time.Duration
}

// NewAllocator makes an allocator of the places of one list. uri is where the list will be published: an absolute URI of
// up to 200 bytes. The store must be the one of the issuer, and never evict: a place that is given away twice would
// revoke for two tokens, or for none. o may be nil. Errors are of type [store.FieldError].
//
// A store that was lost has lost its places too: publish under another uri then, so that tokens of before are not looked
// up in a list that knows nothing of them.
func NewAllocator(s store.TokenStore, uri string, o *AllocatorOptions) (*Allocator, error) {
	if s == nil {
		return nil, invalid("s", "is nil", "open a store first")
	}
	size := defaultSize
	if o != nil && o.Size != 0 {
		size = o.Size
	}
	u, err := url.Parse(uri)
	can := s.Capabilities()
	switch {
	case err != nil || !u.IsAbs() || u.Host == "" || u.User != nil || u.Fragment != "" || len(uri) > maxURI:
		return nil, invalid("uri", fmt.Sprintf("is no absolute URI of up to %d bytes without user and fragment", maxURI),
			"give the one that the list is published under")
	case size < segment || size > MaxSize || size%segment != 0:
		return nil, invalid("AllocatorOptions.Size",
			fmt.Sprintf("is %d, the range is %d to %d in steps of %d", size, segment, MaxSize, segment), "use 0 for 65,536")
	case !can.NeverEvicts:
		return nil, invalid("s", "may evict, and a place that it evicts is given to another token",
			"use a store that never evicts")
	case can.MaxTokenLife <= 0:
		return nil, invalid("s", "does not say how long its tokens live", "use a store whose Capabilities tell MaxTokenLife")
	}
	return &Allocator{store: s, uri: uri, size: uint64(size), hold: can.MaxTokenLife + store.MarkMargin}, nil
}

// URI returns the list's.
func (a *Allocator) URI() string { return a.uri }

// Claims returns the claim status of a session's next access token. It is for IssuerOptions.Claims, which other claims go
// through as well: embed [Claims] in their type, and fill it by Reference.
func (a *Allocator) Claims(ctx context.Context, session store.Record) (any, error) {
	ref, err := a.Reference(ctx, session)
	if err != nil {
		return nil, err
	}
	return ref.Claims(), nil
}

// Reference takes a place for the access token that is minted for a session as its record is, and the same one when it is
// asked again. It takes one round trip, and one more for each place that it finds taken. Without a free one the error
// matches [store.ErrLimit]; any other is the store's.
func (a *Allocator) Reference(ctx context.Context, session store.Record) (Reference, error) {
	id := token.AccessID(session)
	for n := range draws {
		index, link := a.draw(id, n)
		_, err := a.store.Issue(ctx, store.IssueRequest{Record: store.Record{
			ID: strconv.FormatUint(index, 10), Subject: a.subject(index / segment), Link: link,
			ExpiresAt: session.RotatedAt.Add(a.hold), Deadline: session.RotatedAt.Add(a.hold),
			Metadata: map[string]string{metaToken: place{
				session.Subject.Digest(), store.DigestID(session.ID), store.DigestID(id), session.Seq,
			}.String()},
		}})
		if errors.Is(err, store.ErrExists) {
			continue
		}
		return Reference{a.uri, index}, err
	}
	return Reference{}, fmt.Errorf("jeton: the status list is full: %w", store.ErrLimit)
}

// draw returns the n-th place to try for a token, and the link that proves a repeat.
func (a *Allocator) draw(id string, n int) (uint64, store.Link) {
	sum := sha256.Sum256(fmt.Appendf(nil, "jeton/statuslist/1\n%s\n%s\n%d", a.uri, id, n))
	return binary.BigEndian.Uint64(sum[:]) % a.size, store.Link(sum[16:])
}

// subject is the holder of a segment's places.
func (a *Allocator) subject(n uint64) store.Subject {
	return store.Subject{Kind: store.KindKey, Issuer: holder, Name: a.uri + "#" + strconv.FormatUint(n, 10)}
}

// each calls f with every place that is taken.
func (a *Allocator) each(ctx context.Context, f func(index uint64, p place) error) error {
	for n := range a.size / segment {
		for cursor := ""; ; {
			page, err := a.store.List(ctx, a.subject(n), store.Page{Limit: store.MaxPage, Cursor: cursor})
			if err != nil {
				return err
			}
			for _, rec := range page.Items {
				index, err := strconv.ParseUint(rec.ID, 10, 64)
				p, ok := parsePlace(rec.Metadata[metaToken])
				if err != nil || index >= a.size || !ok {
					return fmt.Errorf("jeton: a place of the status list: %w", store.ErrCorrupt)
				}
				if err := f(index, p); err != nil {
					return err
				}
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
	}
	return nil
}

// place says whose token has a place.
type place struct {
	subject, session, token store.Digest
	seq                     uint64
}

const placeBytes = 3*16 + 8

// String returns the place as it is stored: base64url, without a name.
func (p place) String() string {
	b := make([]byte, 0, placeBytes)
	b = append(append(append(b, p.subject[:]...), p.session[:]...), p.token[:]...)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, p.seq))
}

func parsePlace(text string) (p place, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != placeBytes {
		return place{}, false
	}
	copy(p.subject[:], b)
	copy(p.session[:], b[16:])
	copy(p.token[:], b[32:])
	p.seq = binary.BigEndian.Uint64(b[48:])
	return p, true
}

func (p place) query() revocation.Query {
	return revocation.QueryOf(p.subject, p.session, p.token, p.seq)
}
