#!/usr/bin/env bash
# Checks what the gateway tells of its API with the tools of those who use it: the
# OpenAPI document with two validators and a generated client, the compiled protos
# with buf and a generated SDK. It needs Node and npm, and .tools/ (`make tools`).
set -euo pipefail
cd "$(dirname "$0")"
export GOTOOLCHAIN=auto
root=$(cd ../../.. && pwd)
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

# The tools are installed once for each lock file.
lock=$(sha256sum check/package-lock.json | cut -c 1-16)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/signalbox/apidoc-$lock
if [[ ! -e $tools/complete ]]; then
	mkdir -p "$tools"
	cp check/package.json check/package-lock.json "$tools/"
	(cd "$tools" && npm ci --ignore-scripts --no-audit --no-fund --silent)
	touch "$tools/complete"
fi
bin=$tools/node_modules/.bin

echo 'the document is OpenAPI 3.1'
"$bin/validate-api" generated/openapi.json
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true \
	"$bin/redocly" lint --config check/redocly.yaml generated/openapi.json

echo 'a client generated from it compiles'
"$bin/openapi-typescript" generated/openapi.json --output "$work/client/api.d.ts"
cp check/client.ts "$work/client/"
"$bin/tsc" --noEmit --strict --noUncheckedIndexedAccess --skipLibCheck false "$work/client/client.ts"

echo 'an SDK generated from the compiled protos, over HTTP, compiles'
mkdir "$work/sdk"
node -e '
	const bytes = require("fs").readFileSync(process.argv[1]);
	require("http").createServer((_, reply) => reply.end(bytes)).listen(0, "127.0.0.1", function () {
		require("fs").writeFileSync(process.argv[2] + ".new", String(this.address().port));
		require("fs").renameSync(process.argv[2] + ".new", process.argv[2]);
	});
' generated/signalbox.binpb "$work/port" &
server=$!
for _ in $(seq 100); do
	[[ ! -e $work/port ]] || break
	sleep 0.1
done
cat >"$work/plain.yaml" <<END
version: v2
plugins:
  - {local: $root/.tools/protoc-gen-go, out: plain, opt: paths=source_relative}
END
cat >"$work/own.yaml" <<END
version: v2
managed:
  enabled: true
  disable:
    - {file_option: go_package, path: google}
    - {file_option: go_package, path: buf}
  override:
    - {file_option: go_package_prefix, value: example.com/sdk}
plugins:
  - {local: $root/.tools/protoc-gen-go, out: sdk, opt: paths=source_relative}
  - {local: $root/.tools/protoc-gen-go-grpc, out: sdk, opt: paths=source_relative}
END
for template in plain own; do
	(cd "$work" && "$root/.tools/buf" generate "http://127.0.0.1:$(cat port)/proto/signalbox.binpb" --template "$template.yaml")
done
imports=$(find "$work/plain" "$work/sdk" -name '*.go' ! -path '*/signalbox/*')
if [[ -n $imports ]]; then
	printf 'imports were generated too:\n%s\n' "$imports" >&2
	exit 1
fi
sed 's|^module .*|module example.com/sdk|' "$root/go.mod" >"$work/sdk/go.mod"
cp "$root/go.sum" "$work/sdk/"
(cd "$work/sdk" && go build -mod=mod ./...)
echo 'the description of the API holds'
