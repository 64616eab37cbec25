#!/usr/bin/env bash
# Writes every generated file of the repository; with -check writes nothing and fails if one is stale.
# A generator of a later issue gets its line here.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/servers.sh" # the suite's table has columns of stores that need one
go run ./internal/archtest/gen "$@"
go run ./internal/configdoc "$@"
go run ./internal/ruledoc "$@"
