package main

import (
	"bytes"
	"net"
	"os"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jetonkit/jeton/store"
	"github.com/jetonkit/jeton/token"
)

// TestService asks what everybody may, and what needs a token, as nobody, as ann, and after her logout.
func TestService(t *testing.T) {
	s := must(store.Open(t.Context(), "memory://"))
	server, issuer := service(s)
	listener := must((&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"))
	go func() { _ = server.Serve(listener) }() // ends with Stop
	defer server.Stop()
	conn := must(grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer conn.Close() //nolint:errcheck // nothing is left to say
	client := healthpb.NewHealthClient(conn)
	if _, err := client.Check(t.Context(), new(healthpb.HealthCheckRequest)); err != nil {
		t.Errorf("what everybody may ask: %v", err)
	}
	watch := func(headers ...string) codes.Code {
		stream := must(client.Watch(metadata.AppendToOutgoingContext(t.Context(), headers...), new(healthpb.HealthCheckRequest)))
		_, err := stream.Recv()
		return status.Code(err)
	}
	pair := must(issuer.Login(t.Context(), store.User("ann"), token.LoginOptions{}))
	access := []string{"authorization", "Bearer " + pair.Access.Reveal()}
	if nobody, ann := watch(), watch(access...); nobody != codes.Unauthenticated || ann != codes.OK {
		t.Errorf("nobody: %v, ann: %v", nobody, ann)
	}
	must(0, must(token.NewRevoker(s, nil)).Subject(t.Context(), store.User("ann"), "logout"))
	if code := watch(access...); code != codes.Unauthenticated {
		t.Errorf("after the logout: %v", code)
	}
}

// TestLines: an example fits a screen.
func TestLines(t *testing.T) {
	if text, err := os.ReadFile("main.go"); err != nil || bytes.Count(text, []byte("\n")) > 60 {
		t.Errorf("main.go has %d lines, the limit is 60 (%v)", bytes.Count(text, []byte("\n")), err)
	}
}
