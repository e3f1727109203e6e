#!/usr/bin/env bash
# OpenAI's SDK for Node, against a started gateway.
set -euo pipefail
cd "$(dirname "$0")"
../../../../tools/apt.sh node=nodejs npm=npm
npm ci --ignore-scripts --no-audit --no-fund --silent
exec ../stack.sh node --test --test-reporter=spec
