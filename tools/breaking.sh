#!/usr/bin/env bash
# Compares the protos with those of the last release, so that no client of it breaks.
# A release is a heading of CHANGELOG.md with a version; its commit is the one that
# brought the heading.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t versions < <(sed -nE 's/^## ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p' CHANGELOG.md)
if ((${#versions[@]} == 0)); then
	echo "buf breaking: no release yet"
	exit 0
fi
if [[ $(git rev-parse --is-shallow-repository) == true ]]; then
	echo "buf breaking: needs the history of the release: git fetch --unshallow" >&2
	exit 1
fi

release=
for version in "${versions[@]}"; do
	commit=$(git log --reverse --format=%H -S"## $version" -- CHANGELOG.md | head -n 1)
	if [[ -n $commit && $commit != $(git rev-parse HEAD) ]]; then
		release=$commit
		break
	fi
done
if [[ -z $release ]]; then
	echo "buf breaking: ${versions[0]} is the first release, and this is its commit"
	exit 0
fi

echo "buf breaking: against $version, ${release:0:12}"
old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
# Not --against .git#ref=…: what our protos import is not in git.
git archive "$release" proto buf.yaml | tar -x -C "$old"
cp -r third_party "$old/"
.tools/buf breaking --against "$old"
