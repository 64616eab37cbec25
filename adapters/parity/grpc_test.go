package parity_test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/jetonkit/jeton/adapters/grpcauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/adapters/httpauth/httpauthtest"
	"github.com/jetonkit/jeton/store"
)

// service has a unary method for each route that is a full method, and a stream of the same name behind "Stream".
func service(f *httpauthtest.Fixture) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: strings.Trim(httpauthtest.Service, "/"), HandlerType: (*any)(nil)}
	for _, route := range f.Routes {
		name, found := strings.CutPrefix(route.Path, httpauthtest.Service)
		if !found || route.Method != http.MethodPost {
			continue
		}
		desc.Methods = append(desc.Methods, grpc.MethodDesc{
			MethodName: name,
			Handler: func(_ any, ctx context.Context, decode func(any) error, i grpc.UnaryServerInterceptor) (any, error) {
				in := new(emptypb.Empty)
				if err := decode(in); err != nil {
					return nil, err
				}
				return i(ctx, in, &grpc.UnaryServerInfo{FullMethod: route.Path}, func(ctx context.Context, _ any) (any, error) {
					return wrapperspb.String(who(ctx)), nil
				})
			},
		})
	}
	return desc
}

// streams is a service with streams of the names that the unary one has.
func streams(f *httpauthtest.Fixture) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: "parity.Streams", HandlerType: (*any)(nil)}
	for _, m := range service(f).Methods {
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName: m.MethodName, ServerStreams: true,
			Handler: func(_ any, s grpc.ServerStream) error { return s.SendMsg(wrapperspb.String(who(s.Context()))) },
		})
	}
	return desc
}

func who(ctx context.Context) string {
	tok, ok := httpauth.Token(ctx)
	return httpauthtest.Who(ctx, tok, ok)
}

func grpcServer(f *httpauthtest.Fixture) *grpc.Server {
	s := grpc.NewServer(grpc.UnaryInterceptor(grpcauth.Unary(f.Auth)), grpc.StreamInterceptor(grpcauth.Stream(f.Auth)))
	s.RegisterService(service(f), new(any))
	return s
}

// grpcListed are the methods, and the routes that are none.
func grpcListed(_ *testing.T, f *httpauthtest.Fixture) []string {
	listed := grpcauth.Methods(grpcServer(f))
	for _, route := range f.Routes {
		if !strings.HasPrefix(route.Path, httpauthtest.Service) {
			listed = append(listed, route.Method+" "+route.Path)
		}
	}
	return listed
}

func dial(t *testing.T, s *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(listener) }() // ends with Stop
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func grpcAsk(t *testing.T, f *httpauthtest.Fixture) func(*testing.T, httpauthtest.Case) httpauthtest.Got {
	conn := dial(t, grpcServer(f))
	return func(t *testing.T, c httpauthtest.Case) httpauthtest.Got {
		ctx := metadata.AppendToOutgoingContext(t.Context(), c.Headers...)
		out := new(wrapperspb.StringValue)
		err := conn.Invoke(ctx, c.Target, new(emptypb.Empty), out)
		return gotOf(t, out.GetValue(), err)
	}
}

// statuses are what the codes stand for.
var statuses = map[codes.Code]int{
	codes.OK: 200, codes.InvalidArgument: 400, codes.Unauthenticated: 401, codes.PermissionDenied: 403, codes.Unavailable: 503,
}

// gotOf is an answer in the words of HTTP.
func gotOf(t *testing.T, text string, err error) httpauthtest.Got {
	t.Helper()
	s := status.Convert(err)
	got := httpauthtest.Got{Status: statuses[s.Code()], Body: text}
	retry := false
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			got.Body = strings.ToLower(d.GetReason())
			if d.GetDomain() != grpcauth.Domain {
				t.Errorf("the domain is %q", d.GetDomain())
			}
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration().Seconds() == 3
		}
	}
	if retry != (s.Code() == codes.Unavailable) {
		t.Errorf("%v: retry is %v", s, retry)
	}
	return got
}

// A status says what an answer of HTTP would: the code, the reason in capitals, and what is needed in the challenge's words.
func TestStatuses(t *testing.T) {
	v, _ := login(t)
	auth, err := httpauth.New(v, nil)
	check(t, err)
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason string
		needs  map[string]string
	}{
		{httpauth.ErrTwoTokens, codes.InvalidArgument, "INVALID_REQUEST", nil},
		{httpauth.ErrNoToken, codes.Unauthenticated, "MISSING_TOKEN", nil},
		{httpauth.ErrCrossOrigin, codes.PermissionDenied, "CROSS_ORIGIN", nil},
		{&httpauth.ScopeError{Scopes: []string{"a", "b"}}, codes.PermissionDenied, "INSUFFICIENT_SCOPE", map[string]string{"scope": "a b"}},
		{
			&httpauth.StepUpError{MaxAge: 5 * time.Minute, ACR: []string{"mfa", "phr"}},
			codes.Unauthenticated, "INSUFFICIENT_USER_AUTHENTICATION",
			map[string]string{"max_age": "300", "acr_values": "mfa phr"},
		},
		{&httpauth.StepUpError{}, codes.Unauthenticated, "INSUFFICIENT_USER_AUTHENTICATION", nil},
		{store.ErrNotFound, codes.NotFound, "NOT_FOUND", nil},
		{store.ErrConflict, codes.Aborted, "CONFLICT", nil},
		{&httpauth.Failure{Status: 429, Code: "slow_down"}, codes.ResourceExhausted, "SLOW_DOWN", nil},
		{store.ErrUnavailable, codes.Unavailable, "TEMPORARILY_UNAVAILABLE", nil},
		{&httpauth.Failure{Status: 418, Code: "teapot"}, codes.Internal, "TEAPOT", nil},
	} {
		s := status.Convert(grpcauth.Error(auth, c.err))
		var info *errdetails.ErrorInfo
		for _, detail := range s.Details() {
			if d, ok := detail.(*errdetails.ErrorInfo); ok {
				info = d
			}
		}
		if s.Code() != c.code || info.GetReason() != c.reason || !maps.Equal(info.GetMetadata(), c.needs) {
			t.Errorf("%v: it is %v, %q, %v", c.err, s.Code(), info.GetReason(), info.GetMetadata())
		}
	}
}

// The check for forged requests compares the origin with the authority that was called: a page of the same host may.
func TestOriginsOfCalls(t *testing.T) {
	v, raw := login(t)
	auth, err := httpauth.New(v, &httpauth.Options{Lookups: []httpauth.Lookup{httpauth.Cookie("sid")}})
	check(t, err)
	for origin, want := range map[string]codes.Code{"https://shop.test": codes.OK, "https://evil.test": codes.PermissionDenied} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(":authority", "shop.test", "origin", origin, "cookie", "sid="+raw))
		_, err := grpcauth.Unary(auth)(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/shop.Orders/Get"},
			func(context.Context, any) (any, error) { return nil, nil })
		if status.Code(err) != want {
			t.Errorf("from %s: %v", origin, err)
		}
	}
}
