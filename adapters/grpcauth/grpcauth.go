// Package grpcauth puts the verdicts of httpauth into gRPC servers.
//
//	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{
//		{Path: "/shop.v1.Login/Login", Mode: httpauth.Public},
//		{Prefix: "/shop.v1.Orders", Scopes: []string{"orders"}}, // the whole service
//	}})
//	s := grpc.NewServer(grpc.UnaryInterceptor(grpcauth.Unary(auth)), grpc.StreamInterceptor(grpcauth.Stream(auth)))
//	err = auth.CheckRoutes(grpcauth.Methods(s)...)
//
// A full method is a path to the rules, a call is a POST, metadata are headers: the token comes in the metadata
// "authorization" as "Bearer token". A method that no rule meets needs a token. A handler finds the token by httpauth.Token
// in its context. [Watch] in the place of Stream ends long streams with their sessions.
//
// What judges the rules of mode Internal sees all of a call but its messages: reading the request's body is an error. So the
// verifier of adapters/signature refuses calls; their messages would not be what was signed. Judge certificates there, which are
// in the request's TLS, or signatures of metadata alone.
//
// A refusal is a status: Unauthenticated for a token that is missing or no good, PermissionDenied for one that may not do
// this, InvalidArgument for two tokens, Unavailable with a RetryInfo where the store could not say. Its ErrorInfo has
// httpauth's code in capitals as the reason ("INVALID_TOKEN", "INSUFFICIENT_SCOPE", …), and what is needed as metadata
// ("scope", "max_age", "acr_values").
package grpcauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/jetonkit/jeton/adapters/httpauth"
)

// Unary judges calls of unary methods by the rules of auth.
func Unary(auth *httpauth.Middleware) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := judge(ctx, auth, info.FullMethod)
		if err != nil {
			return nil, err
		}
		return handler(ctx, req)
	}
}

// Stream judges calls of streaming methods by the rules of auth, when they begin.
func Stream(auth *httpauth.Middleware) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := judge(s.Context(), auth, info.FullMethod)
		if err != nil {
			return err
		}
		return handler(srv, &stream{s, ctx})
	}
}

// stream is a ServerStream with another context.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context returns the context with the token.
func (s *stream) Context() context.Context { return s.ctx }

// judge returns the context of a call that passes, or its status.
func judge(ctx context.Context, auth *httpauth.Middleware, method string) (context.Context, error) {
	judged, err := auth.Judge(request(ctx, method))
	if err != nil {
		return nil, status(auth, err)
	}
	return judged, nil
}

// request is a call in the words of HTTP, which gRPC is spoken in.
func request(ctx context.Context, method string) *http.Request {
	r := &http.Request{Method: http.MethodPost, URL: &url.URL{Path: method}, Header: http.Header{}, Body: messages{}}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		for name, values := range md {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		if hosts := md.Get(":authority"); len(hosts) > 0 {
			r.Host = hosts[0]
		}
	}
	if p, ok := peer.FromContext(ctx); ok {
		if p.Addr != nil {
			r.RemoteAddr = p.Addr.String()
		}
		if secured, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			r.TLS = &secured.State
		}
	}
	return r.WithContext(ctx)
}

// messages are the body of a call, which nobody has read yet, and nobody will before the call was judged. No body at all would
// have the hash of an empty one, and a signature of that would let any message pass.
type messages struct{}

var errMessages = errors.New("jeton: grpcauth: the messages of a call are not in its request")

// Read is an error.
func (messages) Read([]byte) (int, error) { return 0, errMessages }

// Close does nothing.
func (messages) Close() error { return nil }

// Methods returns the full methods of a server, sorted, for CheckRoutes and Unruled of a *httpauth.Middleware.
func Methods(s *grpc.Server) []string {
	var methods []string
	for service, info := range s.GetServiceInfo() {
		for _, m := range info.Methods {
			methods = append(methods, http.MethodPost+" /"+service+"/"+m.Name)
		}
	}
	slices.Sort(methods)
	return methods
}
