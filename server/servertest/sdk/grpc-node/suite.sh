#!/usr/bin/env bash
# Makes the SDK into gen/, checks the types that the tests use, and runs them.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf gen
for input in "http://$SIGNALBOX_REST/proto/signalbox.binpb" ../rpc; do
	../../../../.tools/buf generate "$input" --template buf.gen.yaml
done
node_modules/.bin/tsc --project .
node --test --test-reporter=spec
