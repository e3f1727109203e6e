#!/usr/bin/env bash
# @grpc/grpc-js with an SDK made from the protos that a started gateway serves.
set -euo pipefail
cd "$(dirname "$0")"
../../../../tools/apt.sh node=nodejs npm=npm
npm ci --ignore-scripts --no-audit --no-fund --silent
make --silent --no-print-directory -C ../../../.. .tools/buf
exec ../stack.sh ./suite.sh
