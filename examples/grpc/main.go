// Grpc is a gRPC server whose health everybody may ask, and who has a token may watch. It prints a token to try it with.
package main

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jetonkit/jeton/adapters/grpcauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	_ "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

func main() {
	ctx := context.Background()
	s := must(store.Open(ctx, "memory://"))
	server, issuer := service(s)
	pair := must(issuer.Login(ctx, store.User("ann"), token.LoginOptions{}))
	fmt.Println("authorization: Bearer", pair.Access.Reveal())
	log.Fatal(server.Serve(must(net.Listen("tcp", "127.0.0.1:8080"))))
}

func service(s store.TokenStore) (*grpc.Server, *token.Issuer) {
	key := must(token.HS256("2026-11", []byte("32 random bytes from your secrets")))
	trusted := token.TrustedIssuer{Issuer: "me", Keys: key.VerifyKey(), Check: token.Sessions(s)}
	rules := []httpauth.Rule{{Path: "/grpc.health.v1.Health/Check", Mode: httpauth.Public}} // all else needs a token
	auth := must(httpauth.New(must(token.NewVerifier([]token.TrustedIssuer{trusted}, nil)), &httpauth.Options{Rules: rules}))
	server := grpc.NewServer(grpc.UnaryInterceptor(grpcauth.Unary(auth)), grpc.StreamInterceptor(grpcauth.Stream(auth)))
	healthpb.RegisterHealthServer(server, health.NewServer())
	return must(server, auth.CheckRoutes(grpcauth.Methods(server)...)), must(token.NewIssuer(s, "me", key, nil))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
