package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// shutdownTime is how long requests under way may take after the signal to stop.
const shutdownTime = 15 * time.Second

// serve answers requests until ctx has ended and those under way are answered. It closes the listener.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	h := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10, // a token is at most 8 KiB
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	// ctx has ended; the requests under way have not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := h.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, h.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// handler returns the whole API. Each route says who may come.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, protect func(http.Handler) http.Handler, h handlerFunc) {
		mux.Handle(pattern, protect(s.answer(h)))
	}
	public, user, admin := s.auth.Public, s.auth.Required, s.adminOnly

	route("POST /api/v1/auth/login", public, s.login)
	route("POST /api/v1/auth/refresh", public, s.refresh)
	route("POST /api/v1/auth/logout", user, s.logout)

	route("GET /api/v1/me", user, s.me)
	route("POST /api/v1/me/password", user, s.changePassword)
	route("GET /api/v1/sessions", user, s.listSessions)
	route("DELETE /api/v1/sessions", user, s.endOtherSessions)
	route("DELETE /api/v1/sessions/{id}", user, s.endSession)

	route("POST /api/v1/users", admin, s.addUser)
	route("GET /api/v1/admin/users/{name}/sessions", admin, s.listUserSessions)
	route("DELETE /api/v1/admin/users/{name}/sessions", admin, s.endUserSessions)
	route("DELETE /api/v1/admin/users/{name}/sessions/{id}", admin, s.endUserSession)

	route("GET /healthz", public, s.healthz)
	return s.logged(s.inJSON(mux))
}

// handlerFunc answers a request, or returns why it does not.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// answer makes a handler of h; its errors are answered in the one form that all errors have.
func (s *server) answer(h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// fail answers an error. Those that the client is not told the cause of are logged, unless it is that the client has gone.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if httpauth.FailureOf(err).Status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.log.ErrorContext(r.Context(), "no answer", "route", r.Pattern, "error", err)
	}
	s.auth.WriteError(w, r, err)
}

// inJSON answers what no route takes (404, 405) in the form of the other errors.
func (s *server) inJSON(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := &statusWriter{ResponseWriter: w, silent: true}
		h.ServeHTTP(refusal, r)
		w.Header().Del("Location") // of a path that the mux would only have cleaned: there is nothing at the clean one either
		if refusal.status == http.StatusMethodNotAllowed {
			s.fail(w, r, failure(refusal.status, "method_not_allowed", "the Allow header has the methods of this path"))
			return
		}
		s.fail(w, r, failure(http.StatusNotFound, httpauth.CodeNotFound, "there is nothing here"))
	})
}

// logged logs each request by its route, which names nobody, and without its body and headers.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		s.log.InfoContext(r.Context(), "request", "route", r.Pattern, "method", r.Method, "status", sw.status,
			"ms", time.Since(start).Milliseconds(), "ip", ip(r))
	})
}

// statusWriter remembers the status. A silent one sets headers and sends nothing.
type statusWriter struct {
	http.ResponseWriter
	status int
	silent bool
}

// WriteHeader remembers the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	if !w.silent {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write sends the body.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.silent {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// healthz answers 200 when store and accounts answer.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) error {
	if err := errors.Join(s.stack.Ready(r.Context()), s.accounts.ping(r.Context())); err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}
