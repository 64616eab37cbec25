#!/usr/bin/env bash
# Formats every Go file as the linter wants it.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$root/scripts/tools.sh"
for dir in "${modules[@]}"; do
	within "$dir" "$bin/golangci-lint" fmt
done
