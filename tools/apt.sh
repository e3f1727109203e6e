#!/usr/bin/env bash
# Installs Debian packages where their program is missing: tools/apt.sh PROGRAM=PACKAGE …
# A PROGRAM is a name on the PATH, or a path that may have wildcards.
set -euo pipefail

missing=()
for pair in "$@"; do
	program=${pair%%=*}
	if ! command -v "$program" >/dev/null && ! compgen -G "$program" >/dev/null; then
		missing+=("${pair#*=}")
	fi
done
if ((${#missing[@]} == 0)); then
	exit 0
fi

as_root=()
if ((EUID != 0)); then
	as_root=(sudo)
fi
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
