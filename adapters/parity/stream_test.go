package parity_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
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

// A call that came by TLS is one to whoever asks: its certificates are in the request, and httpauth.Secure says so.
func TestCallsByTLS(t *testing.T) {
	verifier, _ := login(t)
	leaf := &x509.Certificate{Raw: []byte("leaf")}
	auth, err := httpauth.New(verifier, &httpauth.Options{
		Rules: []httpauth.Rule{{Prefix: "/", Mode: httpauth.Internal}},
		Internal: func(r *http.Request) (context.Context, error) {
			if r.TLS == nil || len(r.TLS.PeerCertificates) != 1 || !r.TLS.PeerCertificates[0].Equal(leaf) {
				return nil, errors.New("no certificate")
			}
			return nil, nil
		},
	})
	check(t, err)
	for _, c := range []struct {
		info   credentials.AuthInfo
		secure bool
	}{
		{credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}}, true},
		{credentials.TLSInfo{}, false}, // no certificate
		{nil, false},
	} {
		ctx := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: c.info}) // who is called in its own process has no address
		secure := false
		_, err := grpcauth.Unary(auth)(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/shop.Orders/Get"},
			func(ctx context.Context, _ any) (any, error) {
				secure = httpauth.Secure(ctx)
				return nil, nil
			})
		if secure != c.secure || (err == nil) != c.secure {
			t.Errorf("%+v: secure is %v, and it is answered by %v", c.info, secure, err)
		}
	}
}
