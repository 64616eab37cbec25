package endpoints

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// clientParams are the parameters that client authentication reads (RFC 6749 §2.3.1).
var clientParams = []string{"client_id", "client_secret"}

// form is what an endpoint was sent: the text of the body, and what it says.
type form struct {
	body   []byte
	values url.Values
}

// get returns a parameter. One without a value counts as left out (RFC 6749 §3.2).
func (f form) get(name string) string { return f.values.Get(name) }

// request returns r with the body unread and the form parsed: a signature is of the one, a secret is in the other.
func (f form) request(r *http.Request) *http.Request {
	r = r.WithContext(r.Context()) // a copy
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(f.body)), int64(len(f.body))
	r.PostForm, r.Form = f.values, f.values
	return r
}

// readForm reads a POST of a form. names are the parameters that the endpoint reads; each may come once, and in the body
// alone: what stands in a URL stands in logs. Others are ignored (RFC 6749 §3.2).
func (a *answers) readForm(w http.ResponseWriter, r *http.Request, names ...string) (form, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return form{}, refusal(http.StatusMethodNotAllowed, httpauth.CodeInvalidRequest, "use POST", nil)
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return form{}, badRequest("send application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return form{}, refusal(http.StatusRequestEntityTooLarge, httpauth.CodeInvalidRequest, "body is too large", err)
	case err != nil:
		return form{}, refusal(http.StatusBadRequest, httpauth.CodeInvalidRequest, "body is incomplete", err)
	}
	values, err := parseForm(r.URL.RawQuery, string(body), slices.Concat(names, clientParams))
	if err != nil {
		return form{}, err
	}
	return form{body, values}, nil
}

// parseForm judges the texts of a query and a body.
func parseForm(query, body string, names []string) (url.Values, error) {
	inURL, _ := url.ParseQuery(query) // what does not read is nobody's parameter
	values, err := url.ParseQuery(body)
	if err != nil { // its text has a part of the body
		return nil, badRequest("body is not a form")
	}
	for _, name := range names {
		if inURL.Has(name) {
			return nil, badRequest("send " + name + " in the body, never in the URL")
		}
		if len(values[name]) > 1 {
			return nil, badRequest("send " + name + " once")
		}
	}
	return values, nil
}
