package parity_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jetonkit/jeton/adapters/grpcauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// long is a service whose streams go on until they are ended.
func long(ended chan<- error) *grpc.ServiceDesc {
	handle := func(wait func(grpc.ServerStream) error) grpc.StreamHandler {
		return func(_ any, s grpc.ServerStream) error {
			if err := s.SendMsg(wrapperspb.String(who(s.Context()))); err != nil {
				return err
			}
			ended <- wait(s)
			return nil // whatever it was: the caller is told by the interceptor
		}
	}
	stream := func(name string, wait func(grpc.ServerStream) error) grpc.StreamDesc {
		return grpc.StreamDesc{StreamName: name, ServerStreams: true, ClientStreams: true, Handler: handle(wait)}
	}
	return &grpc.ServiceDesc{ServiceName: "long", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{
		stream("Receives", func(s grpc.ServerStream) error {
			for {
				if err := s.RecvMsg(new(emptypb.Empty)); err != nil {
					return err
				}
			}
		}),
		stream("Waits", func(s grpc.ServerStream) error {
			<-s.Context().Done()
			return s.SendMsg(wrapperspb.String("after its end"))
		}),
		stream("Public", func(s grpc.ServerStream) error { return s.RecvMsg(new(emptypb.Empty)) }),
	}}
}

// A stream ends with its session, whether its handler waits for a message or for the end, and the caller is told why. One that
// is nobody's, and one whose session lives, go on until the caller ends them.
func TestStreamsEndWithTheirSessions(t *testing.T) {
	s, err := memstore.New(nil)
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	key, err := token.HS256("k1", []byte("0123456789abcdef0123456789abcdef"))
	check(t, err)
	issuer, err := token.NewIssuer(s, "x", key, nil)
	check(t, err)
	revoker, err := token.NewRevoker(s, nil)
	check(t, err)
	v, err := token.NewVerifier([]token.TrustedIssuer{{Issuer: "x", Keys: key.VerifyKey(), Check: token.Sessions(s)}}, nil)
	check(t, err)
	auth, err := httpauth.New(v, &httpauth.Options{
		WatchEvery: 100 * time.Millisecond, Rules: []httpauth.Rule{{Path: "/long/Public", Mode: httpauth.Public}},
	})
	check(t, err)
	ended := make(chan error, 1)
	server := grpc.NewServer(grpc.StreamInterceptor(grpcauth.Watch(auth)))
	server.RegisterService(long(ended), new(any))
	conn := dial(t, server)
	for _, c := range []struct {
		method, subject string
		revoke          bool
		status          int
		body            string
		cause           func(error) bool // of what the handler waited for
	}{
		{"Receives", "ann", true, 401, "invalid_token", func(err error) bool { return gotOf(t, "", err).Status == 401 }},
		{"Waits", "ann", true, 401, "invalid_token", func(err error) bool { return gotOf(t, "", err).Status == 401 }},
		{"Receives", "ann", false, 200, "", func(err error) bool { return errors.Is(err, io.EOF) }},
		{"Public", "nobody", false, 200, "", func(err error) bool { return err == nil }},
	} {
		pair, err := issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{})
		check(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+pair.Access.Reveal())
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/long/"+c.method)
		check(t, err)
		check(t, stream.SendMsg(new(emptypb.Empty)))
		out := new(wrapperspb.StringValue)
		check(t, stream.RecvMsg(out))
		if out.GetValue() != c.subject {
			t.Errorf("%s: it is %s's", c.method, out.GetValue())
		}
		if c.revoke {
			check(t, revoker.Session(t.Context(), pair.Session.Subject, pair.Session.ID, "logout"))
		} else {
			check(t, stream.CloseSend())
		}
		err = stream.RecvMsg(out)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if got := gotOf(t, "", err); got.Status != c.status || got.Body != c.body {
			t.Errorf("%s: got %d %q %v", c.method, got.Status, got.Body, err)
		}
		if err := <-ended; !c.cause(err) {
			t.Errorf("%s: the handler was told %v", c.method, err)
		}
		cancel()
	}
}
