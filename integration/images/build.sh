#!/usr/bin/env bash
# build.sh [NAME:VERSION…]: builds the servers' images for the tests from Debian packages,
# as migrate-test/NAME:VERSION. An image that is there and was built from the same files is
# left alone. Without arguments, the three that make test needs; "all" stands for all seven.
# Needs root (debootstrap) and a Docker engine.
set -euo pipefail
cd "$(dirname "$0")"

suite_of() {
	case $1 in
	postgres:13) echo bullseye ;;
	postgres:15 | mariadb:10.11) echo bookworm ;;
	postgres:17 | mariadb:11.8) echo trixie ;;
	postgres:18 | mysql:9) echo sid ;;
	*)
		echo "build.sh: unknown image $1" >&2
		return 1
		;;
	esac
}

# sources NAME prints a digest of all that an image of that name is made from.
sources() {
	local entrypoint=mysql-entrypoint.sh
	[ "$1" = postgres ] && entrypoint=postgres-entrypoint.sh
	cat base.sh "$1.Dockerfile" "$entrypoint" | sha256sum | cut -c1-16
}

label() { docker image inspect --format "{{index .Config.Labels \"migrate-test.sources\"}}" "$1" 2>/dev/null || true; }

base() {
	local image=migrate-test/base:$1
	docker image inspect "$image" >/dev/null 2>&1 && return
	echo "building $image"
	./base.sh "$1"
}

build() {
	local target=$1 name=${1%%:*} version=${1#*:} image=migrate-test/$1 suite digest log start=$SECONDS
	suite=$(suite_of "$target")
	digest=$(sources "$name")
	if [ "$(label "$image")" = "$digest" ]; then
		echo "$image is there"
		return
	fi
	base "$suite"
	echo "building $image from Debian $suite"
	log=$(mktemp)
	# The classic builder: BuildKit is a plugin that Debian's package does not have. The
	# host's network: a bridge may have no way out during a build.
	if ! DOCKER_BUILDKIT=0 docker build --quiet --network host --label "migrate-test.sources=$digest" \
		--build-arg "SUITE=$suite" --build-arg "VERSION=$version" \
		--tag "$image" --file "$name.Dockerfile" . >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
	echo "built $image in $((SECONDS - start)) s"
}

targets=("$@")
[ $# -gt 0 ] || targets=(postgres:17 mysql:9 mariadb:11.8)
[ "${targets[0]}" != all ] || targets=(postgres:13 postgres:15 postgres:17 postgres:18 mysql:9 mariadb:10.11 mariadb:11.8)
docker version --format '{{.Server.Version}}' >/dev/null || {
	echo "build.sh: no Docker engine answers: start dockerd" >&2
	exit 1
}
for target in "${targets[@]}"; do
	build "$target"
done
