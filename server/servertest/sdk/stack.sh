#!/usr/bin/env bash
# Runs a command beside what an SDK suite is made for: stack.sh COMMAND…
#
# It builds the gateway and the test upstream, starts one upstream for each type of
# provider and a gateway before them all, on free ports and in a folder of their own,
# runs the command, and stops what it started. The gateway names each provider by its
# type; "<type>-own" is the same one where it answers responses itself. The command finds
#
#   OPENAI_BASE_URL, OPENAI_API_KEY   the gateway, as any OpenAI SDK wants it told
#   SIGNALBOX_REST, SIGNALBOX_GRPC    its two listeners, "127.0.0.1:4711"
#   UPSTREAM_LOG                      what the providers saw, a JSON line for each
#                                     arrival and each end of a call
#   STACK_DIR                         a folder that goes away with the stack
#
# It fails when the command fails, when the gateway does not stop in order, and when
# an upstream was sent what no provider may be sent.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export GOTOOLCHAIN=auto
"$root/tools/apt.sh" curl=curl

(cd "$root" && CGO_ENABLED=0 go build -o .tools/sdk/ ./cmd/signalbox ./providers/providertest/fakeopenai)

STACK_DIR=$(mktemp -d)
export STACK_DIR UPSTREAM_LOG=$STACK_DIR/upstream.jsonl
types=(openai azure groq xai openrouter deepseek mistral vllm ollama openai_compatible)
declare -A upstream=() url=()
gateway=''

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
	for type in "${!upstream[@]}"; do
		stop "the upstream $type" "${upstream[$type]}" || status=1
	done
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
touch "$UPSTREAM_LOG" "$STACK_DIR"/gateway.{out,err} # tail follows what is there
for type in "${types[@]}"; do
	touch "$STACK_DIR/$type".{out,err}
	(exec "$root/.tools/sdk/fakeopenai" -profile "$type" -key "$key" -log "$UPSTREAM_LOG") \
		>"$STACK_DIR/$type.out" 2>"$STACK_DIR/$type.err" &
	upstream[$type]=$!
done
for type in "${types[@]}"; do
	url[$type]=$(says "${upstream[$type]}" "$STACK_DIR/$type.out" '^http')
done

# Recordings of providers are replayed by those that they are of; those of others by
# servers that are like OpenAI. See providertest's README for the names.
recordings() { # type
	local folder
	for folder in "$root"/providers/providertest/testdata/*/; do
		(cd "$folder" && find . -type f ! -name '*.md' ! -name 'models.json' -printf "$(basename "$folder")/%P\n")
	done | case $1 in
	openai) grep -E '^(openai-python|[^/]*/openai)/' ;;
	openai_compatible) grep -E '^[^/]*/(gemini|openai-compatible)/' ;;
	vllm-own) grep -E '^[^/]*/open-responses/' ;;
	*) grep -E "^[^/]*/$1/" || true ;;
	esac
}

# provider is a provider of the gateway's configuration, with its models that no list
# has: those that fail, and recordings.
provider() { # name type models…
	local models=("${@:3}" fault/status={400,404,500,503} fault/status=429,retry-after=7)
	mapfile -t -O "${#models[@]}" models < <(recordings "$1" | sed 's|^|replay/|')
	printf '  - {name: %s, type: %s, base_url: "%s", api_key: %s, models: [' "$1" "$2" "${url[$2]}" "$key"
	printf '"%s", ' "${models[@]}"
	case $1 in *-own) printf '], native_responses: true}\n' ;; *) printf ']}\n' ;; esac
}

# Waits are short, so that it is quick to see what comes of longer ones; suites break
# the same models on purpose, again and again.
{
	cat <<-'YAML'
		upstream:
		  max_backoff: 100ms
		  retry_budget_percent: 100
		  breaker_failure_percent: 100
		providers:
	YAML
	provider openai openai
	provider azure azure gpt-4.1 o4-mini text-embedding-3-large # its deployments
	for type in "${types[@]:2}"; do
		provider "$type" "$type"
	done
	for type in groq openrouter vllm ollama; do
		provider "$type-own" "$type"
	done
} >"$STACK_DIR/signalbox.yaml"
OPENAI_API_KEY=sk-signalbox-master-of-the-sdk-suites
(
	cd "$STACK_DIR"
	exec env -i PATH="$PATH" HOME="$STACK_DIR" \
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
