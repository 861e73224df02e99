#!/usr/bin/env bash
# mirror.sh: prints the Debian mirror that this machine's apt uses, or DEBIAN_MIRROR.
set -euo pipefail

# Before the first apt-get update apt knows only what its sources say.
known() {
	# shellcheck disable=SC2016 # the word is apt's, not the shell's
	apt-get indextargets --format '$(REPO_URI)' 2>/dev/null
	grep -rhoE 'https?://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true
}

mirror=${DEBIAN_MIRROR:-$(known | grep '/debian/\?$' | head -n 1 || true)}
if [ -z "$mirror" ]; then
	echo "mirror.sh: apt knows no Debian mirror: set DEBIAN_MIRROR" >&2
	exit 1
fi
echo "${mirror%/}"
