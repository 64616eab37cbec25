#!/usr/bin/env bash
# Builds the tools of tools/go.mod into .bin: about two minutes on a cold machine, a moment on a warm one.
# They are built by the Go in use, since golangci-lint refuses code newer than the Go that built it.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

GOWORK=off go build -C tools -o "$bin/" tool
