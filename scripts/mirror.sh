#!/usr/bin/env bash
# mirror.sh: prints the Debian mirror that this machine's apt uses, or DEBIAN_MIRROR.
set -euo pipefail

if [ -n "${DEBIAN_MIRROR:-}" ]; then
	echo "$DEBIAN_MIRROR"
	exit 0
fi
# shellcheck disable=SC2016 # the word is apt's, not the shell's
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m1 '/debian/\?$' || true)
if [ -z "$mirror" ]; then
	echo "mirror.sh: apt knows no Debian mirror: set DEBIAN_MIRROR" >&2
	exit 1
fi
echo "${mirror%/}"
