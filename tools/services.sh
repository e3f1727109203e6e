#!/usr/bin/env bash
# Runs the tests that need real services: those with the build tag `services`.
# Such a test starts its service itself, from the programs that are installed here.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/apt.sh '/usr/lib/postgresql/*/bin/postgres=postgresql'

mapfile -t folders < <(grep -rl --include='*_test.go' '^//go:build .*\bservices\b' cmd providers server | xargs -r dirname | sort -u)
if ((${#folders[@]} == 0)); then
	echo "no test has the build tag services" >&2
	exit 1
fi
go test -tags services "${folders[@]/#/./}"
