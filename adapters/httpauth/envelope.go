package httpauth

import (
	"encoding/json"
	"net/http"
)

// WriteJSON writes a failure's status and the body {"error": code, "error_description": description}, as RFC 6750 and
// RFC 6749 have it. It is the default of [Options.ErrorHandler].
func WriteJSON(w http.ResponseWriter, _ *http.Request, f *Failure) {
	writeBody(w, f.Status, struct {
		Code        string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{f.Code, f.Description})
}

// WriteMessage is an [Options.ErrorHandler] for clients that know the envelope {"code": number, "message": text, "data":
// null}. The codes are 40001 for a token that is missing or no good, 40002 for a signature that is, 50000 for a mistake of
// the server, and else the status with two zeros: 40300, 50300. The status is the real one, and so are the headers.
func WriteMessage(w http.ResponseWriter, _ *http.Request, f *Failure) {
	code := f.Status * 100
	switch {
	case f.Code == CodeInvalidSignature, f.Code == CodeMissingSignature:
		code = 40002
	case f.Status == http.StatusUnauthorized:
		code = 40001
	}
	writeBody(w, f.Status, struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Data    any    `json:"data"`
	}{code, f.message(), nil})
}

// WriteMsg is an [Options.ErrorHandler] for clients that know the envelope {"code": status, "msg": text, "data": null}.
func WriteMsg(w http.ResponseWriter, _ *http.Request, f *Failure) {
	writeBody(w, f.Status, struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data any    `json:"data"`
	}{f.Status, f.message(), nil})
}

// message is what people are told.
func (f *Failure) message() string {
	if f.Description == "" {
		return f.Code
	}
	return f.Description
}

func writeBody(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // texts and numbers marshal
		text = []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client may have gone
}
