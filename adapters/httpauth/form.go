package httpauth

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxForm is how many bytes of a body are read in search of a token.
const maxForm = 64 << 10

// form looks for the token in a body, and gives the body back.
func (l *Lookup) form(r *http.Request) (string, bool, error) {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch: // RFC 6750 §2.2: methods whose body has a meaning
	default:
		return "", false, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" || r.Body == nil {
		return "", false, nil //nolint:nilerr // a type that does not read is not a form's
	}
	if r.PostForm != nil { // somebody in front has read the body, and what it said is here
		return l.value(r.PostForm)
	}
	if r.ContentLength > maxForm {
		return "", false, nil
	}
	read, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	r.Body = &replayed{Reader: io.MultiReader(bytes.NewReader(read), r.Body), Closer: r.Body}
	switch {
	case err != nil:
		return "", false, &Failure{http.StatusBadRequest, CodeInvalidRequest, "the body could not be read", err}
	case len(read) > maxForm:
		return "", false, nil
	}
	values, _ := url.ParseQuery(string(read)) // what does not read is the handler's to complain about
	return l.value(values)
}

// replayed is a body of which something was read, whole again.
type replayed struct {
	io.Reader
	io.Closer
}
