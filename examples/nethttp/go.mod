module github.com/jetonkit/jeton/examples/nethttp

go 1.26.0

require github.com/jetonkit/jeton v0.0.0

require (
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/tidwall/btree v1.8.2 // indirect
)

replace github.com/jetonkit/jeton => ../..
