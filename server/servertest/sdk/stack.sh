#!/usr/bin/env bash
# Runs a command beside what an SDK suite is made for: stack.sh COMMAND…
#
# It builds the gateway and the test upstream, starts both on free ports in a folder
# of their own, runs the command, and stops what it started. The command finds
#
#   OPENAI_BASE_URL, OPENAI_API_KEY   the gateway, as any OpenAI SDK wants it told
#   SIGNALBOX_REST, SIGNALBOX_GRPC    its two listeners, "127.0.0.1:4711"
#   UPSTREAM_LOG                      what the provider saw, a JSON line for each
#                                     arrival and each end of a call
#   STACK_DIR                         a folder that goes away with the stack
#
# It fails when the command fails, when the gateway does not stop in order, and when
# the upstream was sent what no provider may be sent.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export GOTOOLCHAIN=auto
"$root/tools/apt.sh" curl=curl

(cd "$root" && CGO_ENABLED=0 go build -o .tools/sdk/ ./cmd/signalbox ./providers/providertest/fakeopenai)

STACK_DIR=$(mktemp -d)
export STACK_DIR UPSTREAM_LOG=$STACK_DIR/upstream.jsonl
upstream='' gateway=''

# stop ends a process of ours and says how that went.
stop() { # name pid
	[[ -n $2 ]] || return 0
	kill -TERM "$2" 2>/dev/null || true
	wait "$2" || { echo "$1 ended with status $?" >&2; return 1; }
}

finish() {
	local status=$?
	trap - EXIT
	stop 'the gateway' "$gateway" || status=1
	stop 'the upstream' "$upstream" || status=1
	if ((status != 0)); then
		tail -n 40 "$STACK_DIR"/*.err >&2 || true
	fi
	rm -rf "$STACK_DIR"
	exit "$status"
}
trap finish EXIT

# says waits for a line that a process writes into a file, and prints it.
says() { # pid file pattern
	grep -m 1 -- "$3" < <(exec tail --pid="$1" -n +1 -f "$2" 2>/dev/null) ||
		{ echo "no \"$3\" in $(basename "$2")" >&2; return 1; }
}

key=sk-upstream-of-the-sdk-suites
touch "$UPSTREAM_LOG" "$STACK_DIR"/{upstream,gateway}.{out,err} # tail follows what is there
(exec "$root/.tools/sdk/fakeopenai" -key "$key" -log "$UPSTREAM_LOG") \
	>"$STACK_DIR/upstream.out" 2>"$STACK_DIR/upstream.err" &
upstream=$!
upstream_url=$(says "$upstream" "$STACK_DIR/upstream.out" '^http')

# Waits are short, so that it is quick to see what comes of longer ones; suites break
# the same models on purpose, again and again.
cat >"$STACK_DIR/signalbox.yaml" <<-'YAML'
	upstream:
	  max_backoff: 100ms
	  retry_budget_percent: 100
	  breaker_failure_percent: 100
YAML
OPENAI_API_KEY=sk-signalbox-master-of-the-sdk-suites
(
	cd "$STACK_DIR"
	exec env -i PATH="$PATH" HOME="$STACK_DIR" \
		OPENAI_BASE_URL="$upstream_url" OPENAI_API_KEY="$key" \
		SIGNALBOX_MASTER_KEY="$OPENAI_API_KEY" SIGNALBOX_DATA_DIR="$STACK_DIR/data" \
		SIGNALBOX_HTTP_ADDR=127.0.0.1:0 SIGNALBOX_GRPC_ADDR=127.0.0.1:0 SIGNALBOX_LOG_FORMAT=json \
		"$root/.tools/sdk/signalbox" serve
) >"$STACK_DIR/gateway.out" 2>"$STACK_DIR/gateway.err" &
gateway=$!
serving=$(says "$gateway" "$STACK_DIR/gateway.err" '"msg":"serving"')
SIGNALBOX_REST=$(sed 's/.*"rest":"\([^"]*\)".*/\1/' <<<"$serving")
SIGNALBOX_GRPC=$(sed 's/.*"grpc":"\([^"]*\)".*/\1/' <<<"$serving")
OPENAI_BASE_URL=http://$SIGNALBOX_REST/v1
export OPENAI_API_KEY OPENAI_BASE_URL SIGNALBOX_REST SIGNALBOX_GRPC no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
curl --silent --fail --output /dev/null --noproxy '*' \
	--retry 30 --retry-delay 1 --retry-connrefused --max-time 60 "http://$SIGNALBOX_REST/health/ready" ||
	{ echo "the gateway does not become ready" >&2; exit 1; }

"$@"
