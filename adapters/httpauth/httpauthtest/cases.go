package httpauthtest

import "strings"

// Case is a request, and what every adapter must answer.
type Case struct {
	// Requirement is what this case alone is there for.
	Requirement string
	// Method and Target are the request line's. Method defaults to GET.
	Method, Target string
	// Headers are name and value in turns.
	Headers []string
	// Form is a body of type application/x-www-form-urlencoded.
	Form string
	// Down asks with the store down.
	Down bool

	// Status is that of the answer.
	Status int
	// Challenge is the WWW-Authenticate header.
	Challenge string
	// Body is the subject of a success, or the code of a failure.
	Body string
	// GRPC says that the case has a meaning as a call: its target is a full method, and its headers are metadata.
	GRPC bool
}

// The routes that are methods too.
const (
	required = Service + "Required"
	optional = Service + "Optional"
	public   = Service + "Public"
	scoped   = Service + "Scoped"
	stepUp   = Service + "StepUp"
	internal = Service + "Internal"
)

const bare = `Bearer realm="api"`

func refused(code, description string) string {
	return bare + `, error="` + code + `", error_description="` + description + `"`
}

var (
	expired = refused("invalid_token", "token has expired")
	lacks   = refused("insufficient_scope", "token lacks a scope") + `, scope="`
)

// bearer are the headers of a bearer token.
func bearer(text string) []string { return []string{"Authorization", "Bearer " + text} }

// cases are all of them. Texts in braces stand for tokens.
func cases() []Case {
	all := []Case{
		{
			Requirement: "a good token passes", Target: required, Headers: bearer("{good}"),
			Status: 200, Body: "ann", GRPC: true,
		},
		{
			Requirement: "the scheme's case does not count", Target: required,
			Headers: []string{"Authorization", "bEARER {good}"},
			Status:  200, Body: "ann", GRPC: true,
		},
		{
			Requirement: "what no rule meets is required", Target: required,
			Status: 401, Challenge: bare, Body: "missing_token", GRPC: true,
		},
		{
			Requirement: "a path without a route is judged too", Target: "/nowhere",
			Status: 401, Challenge: bare, Body: "missing_token",
		},
		{
			Requirement: "a prefix ends with a segment", Target: public + "X",
			Status: 401, Challenge: bare, Body: "missing_token",
		},
		{Requirement: "a public route asks for nothing", Target: public, Status: 200, Body: "nobody", GRPC: true},
		{
			Requirement: "a public route looks at nothing", Target: public, Headers: bearer("{expired}"),
			Status: 200, Body: "nobody", GRPC: true,
		},
		{
			Requirement: "an optional route knows who is there", Target: optional, Headers: bearer("{good}"),
			Status: 200, Body: "ann", GRPC: true,
		},
		{Requirement: "an optional route serves nobody", Target: optional, Status: 200, Body: "nobody", GRPC: true},
		{
			Requirement: "an expired token on an optional route is nobody's", Target: optional,
			Headers: bearer("{expired}"),
			Status:  200, Body: "nobody", GRPC: true,
		},
		{
			Requirement: "an expired token", Target: required, Headers: bearer("{expired}"),
			Status: 401, Challenge: expired, Body: "invalid_token", GRPC: true,
		},
		{
			Requirement: "a revoked token", Target: required, Headers: bearer("{revoked}"),
			Status: 401, Challenge: refused("invalid_token", "token has been revoked"), Body: "invalid_token", GRPC: true,
		},
		{
			Requirement: "a refresh token opens nothing", Target: required, Headers: bearer("{good:refresh}"),
			Status: 401, Challenge: refused("invalid_token", "token is of another type"),
			Body: "invalid_token", GRPC: true,
		},
	}
	return append(append(append(all, badCases()...), needCases()...), routeCases()...)
}

// badCases are requests that nobody should send.
func badCases() []Case {
	malformed := refused("invalid_token", "token is malformed")
	twoHeaders := refused("invalid_request", "send one Authorization header")
	twoPlaces := refused("invalid_request", "send one access token, in one place")
	return []Case{
		{
			Requirement: "an empty bearer", Target: required, Headers: []string{"Authorization", "Bearer "},
			Status: 401, Challenge: malformed, Body: "invalid_token",
		},
		{
			Requirement: "Basic is no token", Target: required, Headers: []string{"Authorization", "Basic YW5uOnB3"},
			Status: 401, Challenge: bare, Body: "missing_token", GRPC: true,
		},
		{
			Requirement: "broken UTF-8", Target: required, Headers: bearer("\xff\xfe.x.y"),
			Status: 401, Challenge: malformed, Body: "invalid_token",
		},
		{
			Requirement: "a header of 1 MiB", Target: required, Headers: bearer(strings.Repeat("a", 1<<20-512)),
			Status: 401, Challenge: refused("invalid_token", "token is too long"), Body: "invalid_token",
		},
		{
			Requirement: "quotes cannot end a challenge", Target: required, Headers: bearer(`a",error="none`),
			Status: 401, Challenge: malformed, Body: "invalid_token", GRPC: true,
		},
		{
			Requirement: "two headers", Target: required, Headers: append(bearer("{good}"), bearer("{good}")...),
			Status: 400, Challenge: twoHeaders, Body: "invalid_request", GRPC: true,
		},
		{
			Requirement: "two headers on an optional route", Target: optional,
			Headers: append(bearer("x"), bearer("y")...),
			Status:  400, Challenge: twoHeaders, Body: "invalid_request", GRPC: true,
		},
		{
			Requirement: "a header and another header", Target: required,
			Headers: append(bearer("{good}"), "X-Token", "{good}"),
			Status:  400, Challenge: twoPlaces, Body: "invalid_request", GRPC: true,
		},
		{
			Requirement: "a header and a query", Target: required + "?access_token={good}", Headers: bearer("{good}"),
			Status: 400, Challenge: twoPlaces, Body: "invalid_request",
		},
		{
			Requirement: "a header and a form", Method: "POST", Target: required,
			Headers: bearer("{good}"), Form: "access_token={good}",
			Status: 400, Challenge: twoPlaces, Body: "invalid_request",
		},
		{
			Requirement: "two cookies", Target: required, Headers: []string{"Cookie", "sid={good}; sid=x"},
			Status: 400, Challenge: twoPlaces, Body: "invalid_request",
		},
		{
			Requirement: "the store is down", Target: required, Headers: bearer("{good}"),
			Down: true, Status: 503, Body: "temporarily_unavailable", GRPC: true,
		},
		{
			Requirement: "the store is down on an optional route", Target: optional, Headers: bearer("{good}"),
			Down: true, Status: 503, Body: "temporarily_unavailable", GRPC: true,
		},
		{
			Requirement: "what is proven needs no store", Target: required, Headers: bearer("{expired}"),
			Down: true, Status: 401, Challenge: expired, Body: "invalid_token", GRPC: true,
		},
		{
			Requirement: "the store is down for a public route", Target: public,
			Down: true, Status: 200, Body: "nobody", GRPC: true,
		},
		{
			Requirement: "out of a public prefix by dots", Target: public + "/../Required",
			Status: 400, Body: "ambiguous_path",
		},
		{
			Requirement: "out of a public prefix by encoded slashes", Target: public + "%2f..%2fRequired",
			Status: 400, Body: "ambiguous_path",
		},
		{Requirement: "an encoded letter", Target: Service + "Publi%63", Status: 400, Body: "ambiguous_path"},
		{Requirement: "a double slash", Target: "/" + public, Status: 400, Body: "ambiguous_path"},
	}
}

// needCases are about places, scopes, step-up and signatures.
func needCases() []Case {
	again := refused("insufficient_user_authentication", "log in again for this") + `, acr_values="mfa", max_age="300"`
	const signature = `Signature realm="api"`
	return []Case{
		{
			Requirement: "a header of another name", Target: required, Headers: []string{"X-Token", "{good}"},
			Status: 200, Body: "ann", GRPC: true,
		},
		{Requirement: "a cookie", Target: required, Headers: []string{"Cookie", "sid={good}"}, Status: 200, Body: "ann"},
		{Requirement: "a form", Method: "POST", Target: required, Form: "access_token={good}", Status: 200, Body: "ann"},
		{Requirement: "a query", Target: required + "?access_token={good}", Status: 200, Body: "ann"},
		{
			Requirement: "a cookie from another site", Method: "POST", Target: required,
			Headers: []string{"Cookie", "sid={good}", "Sec-Fetch-Site", "cross-site"},
			Status:  403, Body: "cross_origin",
		},
		{
			Requirement: "a header from another site", Method: "POST", Target: required,
			Headers: append(bearer("{good}"), "Sec-Fetch-Site", "cross-site"),
			Status:  200, Body: "ann",
		},
		{Requirement: "a scope", Target: scoped, Headers: bearer("{scoped}"), Status: 200, Body: "ann", GRPC: true},
		{
			Requirement: "a scope that is missing", Target: scoped, Headers: bearer("{good}"),
			Status: 403, Challenge: lacks + `orders:read"`, Body: "insufficient_scope", GRPC: true,
		},
		{
			Requirement: "an authentication of a moment ago", Target: stepUp, Headers: bearer("{fresh}"),
			Status: 200, Body: "ann", GRPC: true,
		},
		{
			Requirement: "an authentication of long ago", Target: stepUp, Headers: bearer("{stale}"),
			Status: 401, Challenge: again, Body: "insufficient_user_authentication", GRPC: true,
		},
		{
			Requirement: "an authentication of which nothing is said", Target: stepUp, Headers: bearer("{good}"),
			Status: 401, Challenge: again, Body: "insufficient_user_authentication", GRPC: true,
		},
		{
			Requirement: "a signed call", Target: internal, Headers: []string{"X-Signature", "good"},
			Status: 200, Body: "nobody", GRPC: true,
		},
		{
			Requirement: "a call that is not signed", Target: internal, Headers: bearer("{good}"),
			Status: 401, Challenge: signature, Body: "invalid_signature", GRPC: true,
		},
		{
			Requirement: "quotes and line breaks in a description", Target: internal,
			Headers: []string{"X-Signature", "evil"},
			Status:  401, Challenge: refused("invalid_token", "a'b?c??Set-Cookie: x=y"), Body: "invalid_token", GRPC: true,
		},
		{
			Requirement: "a signature that cannot be checked", Target: internal, Headers: []string{"X-Signature", "down"},
			Status: 503, Body: "temporarily_unavailable", GRPC: true,
		},
	}
}

// routeCases are about patterns, methods, expressions, gates and preflights.
func routeCases() []Case {
	return []Case{
		{Requirement: "a pattern", Target: "/items/7", Status: 200, Body: "nobody"},
		{
			Requirement: "a pattern's method", Method: "DELETE", Target: "/items/7", Headers: bearer("{good}"),
			Status: 403, Challenge: lacks + `items:write"`, Body: "insufficient_scope",
		},
		{
			Requirement: "a pattern's method, with its scope", Method: "DELETE", Target: "/items/7",
			Headers: bearer("{scoped}"),
			Status:  200, Body: "ann",
		},
		{Requirement: "an encoded at sign is a name's", Target: "/items/ann%40x", Status: 200, Body: "nobody"},
		{Requirement: "a regular expression", Target: "/v1/status", Status: 200, Body: "nobody"},
		{
			Requirement: "a regular expression is anchored", Target: "/v1/statusX",
			Status: 401, Challenge: bare, Body: "missing_token",
		},
		{Requirement: "rules apply where no gate is", Target: "/gate/open", Status: 200, Body: "nobody"},
		{Requirement: "a gate of one route", Target: "/gate/required", Status: 401, Challenge: bare, Body: "missing_token"},
		{
			Requirement: "a gate of one route lets a token pass", Target: "/gate/required", Headers: bearer("{good}"),
			Status: 200, Body: "ann",
		},
		{Requirement: "an optional gate", Target: "/gate/optional", Headers: bearer("{good}"), Status: 200, Body: "ann"},
		{
			Requirement: "a gate with a scope", Target: "/gate/scoped", Headers: bearer("{good}"),
			Status: 403, Challenge: lacks + `orders:read"`, Body: "insufficient_scope",
		},
		{
			Requirement: "a preflight is not judged", Method: "OPTIONS", Target: required,
			Headers: []string{"Origin", "https://app.test", "Access-Control-Request-Method", "POST"},
			Status:  204,
		},
		{
			Requirement: "OPTIONS alone is judged", Method: "OPTIONS", Target: required,
			Status: 401, Challenge: bare, Body: "missing_token",
		},
	}
}
