package statuslist

import (
	"bytes"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP serves the list (draft §8.1, §8.2): GET and HEAD, gzip where it is accepted, conditional requests by ETag, to
// browsers of every origin. A request for the list of another time (?time=, draft §8.4) is 501, and no list at all 503.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	query, err := url.ParseQuery(r.URL.RawQuery)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return
	case err != nil: // it may ask for another time, and the list of now would be the wrong answer
		refuse(w, http.StatusBadRequest)
		return
	case query.Has("time"):
		refuse(w, http.StatusNotImplemented)
		return
	}
	h.Add("Vary", "Accept, Accept-Encoding")
	if !accepts(r.Header.Values("Accept"), MediaType) {
		refuse(w, http.StatusNotAcceptable)
		return
	}
	list, err := p.current(r.Context())
	if err != nil { // the error is the view's or the store's, and nothing for a client
		h.Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable)
		return
	}
	p.serve(w, r, list)
}

// serve writes a list, or 304.
func (p *Publisher) serve(w http.ResponseWriter, r *http.Request, list *published) {
	h := w.Header()
	body, etag := list.raw, list.etag
	if acceptsCoding(r.Header.Values("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body, etag = list.zipped, list.etag+"-gzip"
	}
	left := min(p.opts.TTL, list.end.Sub(p.opts.Now()))
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(max(0, int(left/time.Second))))
	h.Set("Content-Type", MediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// refuse answers without a body to speak of, and lets nobody keep the answer.
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
}

// accepts reports whether a media type is acceptable (RFC 9110 §12.5.1); without a header everything is. The most exact
// range counts.
func accepts(values []string, want string) bool {
	if len(values) == 0 {
		return true
	}
	family, _, _ := strings.Cut(want, "/")
	best, ok := -1, false
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, err := mime.ParseMediaType(part)
		exact := map[string]int{"*/*": 0, family + "/*": 1, want: 2}
		if rank, fits := exact[name]; err == nil && fits && rank > best {
			best, ok = rank, !zero(params["q"])
		}
	}
	return ok
}

// acceptsCoding reports whether a content coding is acceptable (RFC 9110 §12.5.3).
func acceptsCoding(values []string, want string) bool {
	others := false
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, params, _ := strings.Cut(part, ";")
		_, q, _ := strings.Cut(params, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case want:
			return !zero(q)
		case "*":
			others = !zero(q)
		}
	}
	return others
}

// zero reports whether a weight is 0: "not acceptable".
func zero(q string) bool {
	q = strings.TrimSpace(q)
	return q != "" && strings.Trim(q, "0.") == ""
}
