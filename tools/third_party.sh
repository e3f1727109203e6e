#!/usr/bin/env bash
# Fills third_party/ with the protos that ours import, out of pinned Go modules.
set -euo pipefail
cd "$(dirname "$0")/.."
googleapis=$(go mod download -json github.com/grpc-ecosystem/grpc-gateway@v1.16.0 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
protovalidate=$(go mod download -json github.com/bufbuild/protovalidate@v1.2.2 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
rm -rf third_party
mkdir -p third_party/google/api third_party/buf/validate
cp "$googleapis"/third_party/googleapis/google/api/{annotations,http}.proto third_party/google/api/
cp "$protovalidate"/proto/protovalidate/buf/validate/validate.proto third_party/buf/validate/
chmod -R u+w third_party
