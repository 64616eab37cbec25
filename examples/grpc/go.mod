module github.com/jetonkit/jeton/examples/grpc

go 1.26.0

require (
	github.com/jetonkit/jeton v0.0.0
	github.com/jetonkit/jeton/adapters/grpcauth v0.0.0
)

replace github.com/jetonkit/jeton => ../..

replace github.com/jetonkit/jeton/adapters/grpcauth => ../../adapters/grpcauth

require google.golang.org/grpc v1.83.2

require (
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
	golang.org/x/net v0.58.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260526163538-3dc84a4a5aaa // indirect
	google.golang.org/protobuf v1.36.11 // indirect
)
