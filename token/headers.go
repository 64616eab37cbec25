package token

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// headers remembers what the headers of good tokens say, by their text: an issuer writes the same one into all tokens of a
// key, and it need not be decoded each time. What it says is judged each time. A header is learnt once a signature was good,
// so that only an issuer can fill it, and forgotten with its key. The zero value is ready; a nil one remembers nothing.
type headers struct {
	known atomic.Pointer[map[string]knownHeader] // replaced, never changed
	mu    sync.Mutex                             // of who replaces it
}

// knownHeader is a header, the issuer that it was learnt of, and the key that checked a signature under it. Another issuer may
// write the same text; what the header says is the same.
type knownHeader struct {
	head   header
	issuer *expected
	key    *verifying
}

// The bounds of headers: 64 KiB of text. Issuers that write another header into each token end up at the first.
const (
	maxHeaders     = 128
	maxHeaderBytes = 512
)

// find returns what is known of a header's text; the zero value for nothing.
func (h *headers) find(text string) knownHeader {
	if h == nil {
		return knownHeader{}
	}
	all := h.known.Load()
	if all == nil {
		return knownHeader{}
	}
	return (*all)[text]
}

// learn remembers a header, while there is room.
func (h *headers) learn(text string, k knownHeader) {
	if h == nil || len(text) > maxHeaderBytes {
		return
	}
	if all := h.known.Load(); all != nil && len(*all) >= maxHeaders {
		return
	}
	h.replace(func(all map[string]knownHeader) {
		if len(all) < maxHeaders {
			all[strings.Clone(text)] = k // without the rest of the token
		}
	})
}

func (h *headers) drop(text string) {
	h.replace(func(all map[string]knownHeader) { delete(all, text) })
}

func (h *headers) replace(change func(map[string]knownHeader)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := map[string]knownHeader{}
	if all := h.known.Load(); all != nil {
		next = maps.Clone(*all)
	}
	change(next)
	h.known.Store(&next)
}
