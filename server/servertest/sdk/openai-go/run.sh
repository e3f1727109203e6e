#!/usr/bin/env bash
# OpenAI's SDK for Go, against a started gateway.
set -euo pipefail
cd "$(dirname "$0")"
exec ../stack.sh go test -tags sdk -count 1 .
