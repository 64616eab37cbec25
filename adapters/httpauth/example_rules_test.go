package httpauth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// Rules in front of a router, and the start-up check that finds those that meet no route.
func ExampleMiddleware_Protect() {
	_, verifier, _ := setUp()
	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{
		{Path: "/login", Methods: []string{"POST"}, Mode: httpauth.Public},
		{Prefix: "/v1/public", Mode: httpauth.Public, Example: "/v1/public/news"},
		{Pattern: "DELETE /orders/{id}", Scopes: []string{"orders:write"}, MaxAge: 5 * time.Minute},
	}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintln(w, "served", r.URL.Path) }
	for _, pattern := range []string{
		"POST /login", "GET /v1/public/news", "GET /v1/publicX", "GET /orders/{id}", "DELETE /orders/{id}",
	} {
		mux.HandleFunc(pattern, ok)
	}
	if err := auth.CheckMux(mux); err != nil { // at the start
		log.Fatal(err)
	}
	handler := auth.Protect(mux) // for http.ListenAndServe

	for _, path := range []string{"/v1/public/news", "/v1/publicX", "/v1/public/../publicX", "/orders/7"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 served /v1/public/news
	// 401 {"error":"missing_token","error_description":"send an access token: Authorization: Bearer ..."}
	// 400 {"error":"ambiguous_path","error_description":"the path can be read in several ways; send it in its plain form"}
	// 401 {"error":"missing_token","error_description":"send an access token: Authorization: Bearer ..."}
}

// A rule for a path that was renamed is found at the start.
func ExampleMiddleware_CheckRoutes() {
	_, verifier, _ := setUp()
	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{
		{Path: "/login", Mode: httpauth.Public},
		{Path: "/sign-up", Mode: httpauth.Public},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(auth.CheckRoutes("POST /login", "POST /signup", "GET /me"))
	fmt.Println(auth.Unruled("POST /login", "POST /signup", "GET /me"))
	// Output:
	// invalid input: Options.Rules[1] (/sign-up) meets no route: mend its path, give an Example that is served, or remove it
	// [POST /signup GET /me] <nil>
}

// Tokens in cookies, for browsers. Requests that change something must come from the same origin.
func ExampleCookies() {
	issuer, verifier, _ := setUp()
	cookies, err := httpauth.NewCookies(nil)
	if err != nil {
		log.Fatal(err)
	}
	auth, err := httpauth.New(verifier, &httpauth.Options{
		Lookups: []httpauth.Lookup{cookies.Lookup(), httpauth.Header("Authorization", "Bearer")},
	})
	if err != nil {
		log.Fatal(err)
	}
	pair, err := issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	login := httptest.NewRecorder()
	if err := cookies.Set(login, pair); err != nil {
		log.Fatal(err)
	}
	buy := auth.Required(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "bought") }))
	for _, site := range []string{"same-origin", "cross-site"} {
		r := httptest.NewRequest(http.MethodPost, "/buy", nil)
		r.Header.Set("Sec-Fetch-Site", site) // browsers do
		for _, cookie := range login.Result().Cookies() {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		buy.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 bought
	// 403 {"error":"cross_origin","error_description":"the request comes from another origin"}
}

// A route for which the user must have logged in a moment ago (RFC 9470).
func ExampleMiddleware_Gate() {
	issuer, verifier, _ := setUp()
	auth, err := httpauth.New(verifier, nil)
	if err != nil {
		log.Fatal(err)
	}
	gate, err := auth.Gate(httpauth.Access{MaxAge: 5 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	h := gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "deleted") }))
	for _, ago := range []time.Duration{time.Minute, time.Hour} {
		claims := map[string]int64{"auth_time": time.Now().Add(-ago).Unix()}
		pair, err := issuer.Login(context.Background(), store.User("ann"), token.LoginOptions{Claims: claims})
		if err != nil {
			log.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodDelete, "/account", nil)
		r.Header.Set("Authorization", "Bearer "+pair.Access.Reveal())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body, w.Header().Get("WWW-Authenticate"), "\n")
	}
	// Output:
	// 200 deleted
	//
	// 401 {"error":"insufficient_user_authentication","error_description":"log in again for this"}
	// Bearer realm="api", error="insufficient_user_authentication", error_description="log in again for this", max_age="300"
}

// Server-sent events that end when the session does.
func ExampleWatch() {
	issuer, verifier, revoker := setUp()
	auth, err := httpauth.New(verifier, &httpauth.Options{WatchEvery: 100 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	pair, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	events := auth.Required(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched, stop := httpauth.Watch(r.Context())
		defer stop()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, "data: hello\n\n")
		if err := revoker.Session(ctx, pair.Session.Subject, pair.Session.ID, "logout"); err != nil { // elsewhere, usually
			log.Print(err)
		}
		<-watched.Done() // and whatever else there is to send
		_, _ = fmt.Fprintln(w, "event: bye\ndata:", context.Cause(watched))
	}))
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Authorization", "Bearer "+pair.Access.Reveal())
	w := httptest.NewRecorder()
	events.ServeHTTP(w, r)
	fmt.Print(w.Body)
	// Output:
	// data: hello
	//
	// event: bye
	// data: jeton: token has been revoked
}
