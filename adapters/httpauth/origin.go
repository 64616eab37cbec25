package httpauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrCrossOrigin is a request whose token is in a cookie, that changes something or opens a WebSocket, and that another site
// made a browser send. It is answered by 403.
var ErrCrossOrigin = errors.New("a cookie's token came with a request from another origin")

// sameOrigin refuses requests that another site may have made a browser send. Headers, forms and URLs have a token only
// where the sender knows it, so they are not asked.
func (m *Middleware) sameOrigin(r *http.Request, at *Lookup) error {
	if at.place != inCookie {
		return nil
	}
	if isWebSocket(r) { // a GET that CORS does not hold back
		asPost := *r
		asPost.Method = http.MethodPost
		r = &asPost
	}
	if err := m.opts.CrossOrigin.Check(r); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}

// isWebSocket reports whether a request asks for another protocol on its connection (RFC 9110 §7.8), or is the extended
// CONNECT of RFC 8441, which has a method that is not safe anyway.
func isWebSocket(r *http.Request) bool {
	return strings.Contains(strings.ToLower(strings.Join(r.Header["Upgrade"], ",")), "websocket")
}

// isPreflight reports whether a browser asks what a cross-origin request may do (the CORS protocol of the Fetch standard).
// It has no credentials, ever.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header["Origin"] != nil && r.Header["Access-Control-Request-Method"] != nil
}

// noPreflight answers a preflight that no CORS layer wanted: no header allows anything.
func noPreflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	for _, name := range [...]string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} {
		h.Add("Vary", name)
	}
	w.WriteHeader(http.StatusNoContent)
}
