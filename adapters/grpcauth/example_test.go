package grpcauth_test

import (
	"context"
	"fmt"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jetonkit/jeton/adapters/grpcauth"
	"github.com/jetonkit/jeton/adapters/httpauth"
	"github.com/jetonkit/jeton/store"
	memstore "github.com/jetonkit/jeton/store/memory"
	"github.com/jetonkit/jeton/token"
)

// A server whose health may be asked by everybody, and watched with a token.
func Example() {
	issuer, auth := setUp()
	s := grpc.NewServer(grpc.UnaryInterceptor(grpcauth.Unary(auth)), grpc.StreamInterceptor(grpcauth.Stream(auth)))
	healthpb.RegisterHealthServer(s, health.NewServer())
	if err := auth.CheckRoutes(grpcauth.Methods(s)...); err != nil { // at the start
		log.Fatal(err)
	}
	client, stop := serve(s)
	defer stop()

	ctx := context.Background()
	pair, err := issuer.Login(ctx, store.User("ann"), token.LoginOptions{})
	if err != nil {
		log.Fatal(err)
	}
	answer, err := client.Check(ctx, new(healthpb.HealthCheckRequest))
	fmt.Println(answer.GetStatus(), status.Code(err))
	for _, header := range []string{"Basic x", "Bearer " + pair.Access.Reveal()} {
		ctx := metadata.AppendToOutgoingContext(ctx, "authorization", header)
		stream, err := client.Watch(ctx, new(healthpb.HealthCheckRequest))
		if err != nil {
			log.Fatal(err)
		}
		answer, err := stream.Recv()
		fmt.Println(answer.GetStatus(), status.Code(err))
	}
	// Output:
	// SERVING OK
	// UNKNOWN Unauthenticated
	// SERVING OK
}

// serve serves on a free port, and returns a client.
func serve(s *grpc.Server) (client healthpb.HealthClient, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = s.Serve(listener) }() // ends with Stop
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	return healthpb.NewHealthClient(conn), s.Stop
}

func setUp() (*token.Issuer, *httpauth.Middleware) {
	s, err := memstore.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := token.HS256("2026-01", []byte("32 bytes of a random source ...."))
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := token.NewIssuer(s, "https://issuer.example", key, nil)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := token.NewVerifier([]token.TrustedIssuer{
		{Issuer: "https://issuer.example", Keys: key.VerifyKey(), Check: token.Sessions(s)},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	public := httpauth.Rule{Path: "/grpc.health.v1.Health/Check", Mode: httpauth.Public}
	auth, err := httpauth.New(verifier, &httpauth.Options{Rules: []httpauth.Rule{public}})
	if err != nil {
		log.Fatal(err)
	}
	return issuer, auth
}
