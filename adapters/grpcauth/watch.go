package grpcauth

import (
	"context"

	"google.golang.org/grpc"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// Watch is [Stream] for streams that go on for long: the stream's context ends when its token is no good any more, as that
// of httpauth.Watch does, and with it what waits in RecvMsg. SendMsg then sends nothing more. The caller gets the status of
// why, whatever the handler returns. A stream that is nobody's, or a signed call's, is as in Stream.
func Watch(auth *httpauth.Middleware) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := judge(s.Context(), auth, info.FullMethod)
		if err != nil {
			return err
		}
		if _, ok := httpauth.Token(ctx); !ok {
			return handler(srv, &stream{s, ctx})
		}
		watched, stop := httpauth.Watch(ctx)
		defer stop()
		w := &watchedStream{stream{s, watched}, auth}
		err = handler(srv, w)
		if refused := w.refused(); refused != nil {
			return refused
		}
		return err
	}
}

// watchedStream is a stream whose context may end before it.
type watchedStream struct {
	stream
	auth *httpauth.Middleware
}

// refused is the status of a stream whose token is no good any more; nil while it is, and where the caller has gone.
func (s *watchedStream) refused() error {
	cause, gone := context.Cause(s.ctx), s.ServerStream.Context().Err() != nil
	if cause != nil && !gone {
		return status(s.auth, cause)
	}
	return nil //nolint:nilerr // a caller who has gone is not refused
}

// SendMsg sends a message while the token is good.
func (s *watchedStream) SendMsg(m any) error {
	if err := s.refused(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(m)
}

// RecvMsg waits for a message while the token is good. One that comes later is lost: what waits for it ends when the handler
// has returned.
func (s *watchedStream) RecvMsg(m any) error {
	if err := s.refused(); err != nil {
		return err
	}
	came := make(chan error, 1) // nobody may be there to take it
	go func() { came <- s.ServerStream.RecvMsg(m) }()
	select {
	case err := <-came:
		if refused := s.refused(); refused != nil {
			return refused
		}
		return err
	case <-s.ctx.Done():
	}
	if err := s.refused(); err != nil {
		return err
	}
	return <-came // the caller has gone, and that is an error
}
