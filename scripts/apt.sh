#!/usr/bin/env bash
# apt.sh PACKAGE…: installs Debian packages that are missing. It fails, saying what to
# install, where that is not ours to do: without root or without apt.
set -euo pipefail

missing=()
for package in "$@"; do
	status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing: ${missing[*]}; install them, or run as root on Debian" >&2
	exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{
	apt-get update -q &&
		apt-get install -q -y --no-install-recommends "${missing[@]}"
} >"$log" 2>&1 || {
	tail -n 20 "$log" >&2
	exit 1
}
