#!/usr/bin/env bash
# The generated Go client, against a started gateway.
set -euo pipefail
cd "$(dirname "$0")"
exec ../stack.sh go test -tags sdk -count 1 .
