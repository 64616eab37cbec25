package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// The limits of what clients send.
const (
	maxBody        = 16 << 10
	maxName        = 64
	minPassword    = 8
	maxPassword    = 256
	maxDeviceBytes = 200
)

// read reads the JSON object of a request: one object with the fields of v, each once, and nothing after it.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxBody), v, json.RejectUnknownMembers(true))
	var tooLarge *http.MaxBytesError
	var wrong *json.SemanticError
	var broken *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return &httpauth.Failure{
			Status: http.StatusRequestEntityTooLarge, Code: httpauth.CodeInvalidRequest,
			Description: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit), Err: err,
		}
	case errors.As(err, &wrong):
		return badRequest("the body has a field that is not expected, or not of its type: %s", wrong.JSONPointer)
	case errors.As(err, &broken):
		return badRequest("the body is not one JSON object, each field once: see byte %d", broken.ByteOffset)
	}
	return badRequest("the body cannot be read")
}

// reply sends v as JSON on one line. Nothing here is for caches.
func reply(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone
	return nil
}

// badRequest is a 400 with what to mend.
func badRequest(format string, args ...any) error {
	return failure(http.StatusBadRequest, httpauth.CodeInvalidRequest, fmt.Sprintf(format, args...))
}

func failure(status int, code, description string) error {
	return &httpauth.Failure{Status: status, Code: code, Description: description}
}

// nameForm allows what needs no escape in a URL and looks like nothing else.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]*$`)

// checkName returns a user's name in the form that it is kept in. Case does not count: Admin must not be another admin.
func checkName(field, name string) (string, error) {
	name = strings.ToLower(name)
	switch {
	case name == "":
		return "", badRequest("%s is missing", field)
	case len(name) > maxName:
		return "", badRequest("%s is %d bytes, the limit is %d", field, len(name), maxName)
	case !nameForm.MatchString(name):
		return "", badRequest("%s may have letters, digits and . _ @ + - and begins with a letter or a digit", field)
	}
	return name, nil
}

// checkPassword judges a password that is to be compared.
func checkPassword(field, password string) error {
	switch {
	case password == "":
		return badRequest("%s is missing", field)
	case len(password) > maxPassword:
		return badRequest("%s is %d bytes, the limit is %d", field, len(password), maxPassword)
	}
	return nil
}

// checkNewPassword judges a password that is to be kept (NIST SP 800-63B: length, and no rules on characters).
func checkNewPassword(field, password string) error {
	if n := utf8.RuneCountInString(password); n > 0 && n < minPassword {
		return badRequest("%s has %d characters, the least is %d", field, n, minPassword)
	}
	return checkPassword(field, password)
}

// device is what a session remembers of the client that began it, for its user to recognise.
func device(r *http.Request) map[string]string {
	agent := strings.ToValidUTF8(r.UserAgent(), "?")
	if len(agent) > maxDeviceBytes {
		agent = strings.ToValidUTF8(agent[:maxDeviceBytes], "")
	}
	return map[string]string{"user_agent": agent, "ip": ip(r)}
}

// ip returns the address of the peer. Behind a proxy that is the proxy's: X-Forwarded-For is what anybody writes.
func ip(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
