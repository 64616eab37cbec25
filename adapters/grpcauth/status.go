package grpcauth

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// Domain is that of the ErrorInfo of refusals.
const Domain = "jeton"

// Error returns the status of an error, as the interceptors answer it: for handlers that refuse by themselves, by
// CheckScopes for instance. It says what httpauth.FailureOf makes of the error.
func Error(auth *httpauth.Middleware, err error) error { return status(auth, err) }

func status(auth *httpauth.Middleware, err error) error {
	f := httpauth.FailureOf(err)
	s := grpcstatus.New(codeOf(f.Status), f.Description)
	details := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: strings.ToUpper(f.Code), Domain: Domain, Metadata: needs(f)},
	}
	if f.Status == http.StatusServiceUnavailable {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(auth.RetryAfter())})
	}
	detailed, err := s.WithDetails(details...)
	if err != nil { // these messages marshal
		return s.Err()
	}
	return detailed.Err()
}

// codeOf is the code that clients know a status by.
func codeOf(status int) codes.Code {
	switch status {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.Aborted
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.Internal
}

// needs is what a challenge says over HTTP.
func needs(f *httpauth.Failure) map[string]string {
	var scope *httpauth.ScopeError
	var stepUp *httpauth.StepUpError
	needs := map[string]string{}
	switch {
	case errors.As(f.Err, &scope):
		needs["scope"] = strings.Join(scope.Scopes, " ")
	case errors.As(f.Err, &stepUp):
		if stepUp.MaxAge > 0 {
			needs["max_age"] = strconv.FormatInt(int64(stepUp.MaxAge/time.Second), 10)
		}
		if len(stepUp.ACR) > 0 {
			needs["acr_values"] = strings.Join(stepUp.ACR, " ")
		}
	}
	return needs
}
