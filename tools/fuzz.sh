#!/usr/bin/env bash
# Runs every fuzz target of the tree, one after the other: tools/fuzz.sh [TIME]
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}

# Go before 1.27 sometimes calls the end of the time itself a failure
# (go.dev/issue/75804): a bare "context deadline exceeded" without an input. Such a
# run is repeated; anything else is a finding.
is_deadline_race() {
	grep -q 'context deadline exceeded' "$1" && ! grep -qE 'Failing input written|panic:|_test\.go:[0-9]+:' "$1"
}

fuzz() { # folder target
	local log
	log=$(mktemp)
	for _ in 1 2 3; do
		if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "./$1" >"$log" 2>&1; then
			sed -n '/^fuzz: elapsed/h; ${g;p}' "$log"
			rm "$log"
			return 0
		fi
		is_deadline_race "$log" || break
		echo "the end of the time was taken for a failure (go.dev/issue/75804), again"
	done
	cat "$log"
	rm "$log"
	return 1
}

found=0
while read -r folder; do
	while read -r target; do
		found=$((found + 1))
		echo "$folder $target"
		fuzz "$folder" "$target"
	done < <(go test -list '^Fuzz' "./$folder" | grep '^Fuzz')
done < <(grep -rl --include='*_test.go' '^func Fuzz' cmd providers server | xargs -r dirname | sort -u)

if ((found == 0)); then
	echo "no fuzz target in the tree" >&2
	exit 1
fi
