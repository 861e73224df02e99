#!/usr/bin/env bash
# base.sh SUITE: makes the image migrate-test/base:SUITE, a bare Debian, without a
# container registry: debootstrap fetches the packages, docker import packs them.
# The mirror is the one that apt uses here; DEBIAN_MIRROR names another.
set -euo pipefail

suite=${1:?usage: base.sh SUITE}
mirror=$("$(dirname "$0")/../../scripts/mirror.sh")

if [ "$(id -u)" != 0 ]; then
	echo "base.sh: debootstrap needs root: run as root, or use official images" >&2
	exit 1
fi
command -v debootstrap >/dev/null || {
	echo "base.sh: debootstrap is missing: apt-get install debootstrap" >&2
	exit 1
}

work=$(mktemp -d "${TMPDIR:-/var/tmp}/migrate-test-$suite.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
if ! debootstrap --variant=minbase "$suite" "$work/root" "$mirror" >"$work/log" 2>&1; then
	tail -n 20 "$work/log" "$work/root/debootstrap/debootstrap.log" >&2 || true
	exit 1
fi

# The image is a throwaway: no fsync per package, no manuals, no snapshots of lists.
cat >"$work/root/etc/dpkg/dpkg.cfg.d/migrate-test" <<-'CFG'
	force-unsafe-io
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/man/*
	path-exclude=/usr/share/locale/*
CFG
cat >"$work/root/etc/apt/apt.conf.d/migrate-test" <<-'CFG'
	APT::Install-Recommends "false";
	Acquire::Check-Valid-Until "false";
	Acquire::Languages "none";
	Acquire::Retries "5";
CFG
rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists" "$work/root/usr/share/doc" \
	"$work/root/usr/share/man" "$work/root/usr/share/locale"
mkdir -p "$work/root/var/cache/apt/archives/partial" "$work/root/var/lib/apt/lists/partial"
tar -C "$work/root" --exclude=./proc/* --exclude=./sys/* --exclude=./dev/* -c . |
	docker import - "migrate-test/base:$suite" >/dev/null
