#!/usr/bin/env bash
# static.sh FILE: fails unless the program is statically linked.
set -euo pipefail

program=${1:?usage: static.sh FILE}
if command -v file >/dev/null; then
	description=$(file -b "$program")
	echo "$program: $description"
	case $description in
	*"statically linked"* | *"static-pie linked"*) exit 0 ;;
	esac
elif ! readelf --program-headers --wide "$program" | grep -q INTERP; then
	echo "$program: statically linked: it asks for no program interpreter"
	exit 0
fi
echo "$program is not statically linked" >&2
exit 1
