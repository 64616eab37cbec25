package parity_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jetonkit/jeton/adapters/grpcauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/adapters/httpauth/httpauthtest"
)

// A stream is judged as a call of its method would be, by the rules of its own service.
func TestStreams(t *testing.T) {
	verifier, raw := login(t)
	public := httpauth.Rule{Path: "/parity.Streams/Public", Methods: []string{"POST"}, Mode: httpauth.Public}
	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{public}})
	check(t, err)
	f := httpauthtest.New(t)
	s := grpc.NewServer(grpc.StreamInterceptor(grpcauth.Stream(auth)))
	s.RegisterService(streams(f), new(any))
	conn := dial(t, s)
	for _, c := range []struct {
		method, header string
		status         int
		body           string
	}{
		{"Required", "", 401, "missing_token"},
		{"Required", "Bearer x", 401, "invalid_token"},
		{"Required", "Bearer " + raw, 200, "ann"},
		{"Public", "", 200, "nobody"},
	} {
		ctx := t.Context()
		if c.header != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", c.header)
		}
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/parity.Streams/"+c.method)
		check(t, err)
		check(t, stream.SendMsg(new(emptypb.Empty)))
		check(t, stream.CloseSend())
		out := new(wrapperspb.StringValue)
		err = stream.RecvMsg(out)
		if got := gotOf(t, out.GetValue(), err); got.Status != c.status || got.Body != c.body {
			t.Errorf("%s %.10q: got %d %s, want %d %s", c.method, c.header, got.Status, got.Body, c.status, c.body)
		}
	}
}

// What the caller's context has, and the client's address, reach the handler; and its deadline ends it.
func TestCallsKeepTheirContext(t *testing.T) {
	f := httpauthtest.New(t)
	type mine struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), mine{}, "kept"), time.Minute)
	defer cancel()
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: address("203.0.113.9:1")})
	_, err := grpcauth.Unary(f.Auth)(ctx, nil, &grpc.UnaryServerInfo{FullMethod: httpauthtest.Service + "Public"},
		func(ctx context.Context, _ any) (any, error) {
			if _, limited := ctx.Deadline(); !limited || ctx.Value(mine{}) != "kept" {
				t.Error("the call's context is lost")
			}
			if ip := httpauth.ClientIP(ctx); ip.String() != "203.0.113.9" {
				t.Errorf("the client is %v", ip)
			}
			return nil, nil
		})
	check(t, err)
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
