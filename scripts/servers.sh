#!/usr/bin/env bash
# servers.sh NAME:VERSION…: sees to it that tests find servers of these kinds: official
# images where a registry answers, images built from Debian packages where none does, and
# installed binaries where no Docker engine runs. What it cannot provide it names, and leaves
# it to the tests to fail; servers that the environment gives by URL need nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

official() { # the tag of the official image
	case $1 in
	mariadb:11.8) echo mariadb:11 ;;
	*) echo "$1" ;;
	esac
}

# override NAME prints the image that the environment gives for an engine.
override() {
	local variable=MIGRATE_TEST_${1^^}_IMAGE
	echo "${!variable:-}"
}

given() { # whether the environment names a server for an engine
	local variable=MIGRATE_TEST_${1^^}_URL
	[ -n "${!variable:-}" ]
}

wanted() { # whether MIGRATE_TEST_ENGINES has an engine
	[ -z "${MIGRATE_TEST_ENGINES:-}" ] || [[ ",${MIGRATE_TEST_ENGINES// /,}," == *",$1,"* ]]
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

registry=unknown
pull() {
	[ "$registry" != none ] || return 1
	echo "pulling $1"
	timeout 600 docker pull --quiet "$1" >/dev/null 2>&1 && return
	registry=none # or an image that it does not have; building is an answer to both
	return 1
}

targets=()
for target in "$@"; do
	name=${target%%:*}
	if wanted "$name" && ! given "$name"; then
		targets+=("$target")
	fi
done
[ ${#targets[@]} -gt 0 ] || exit 0

if scripts/docker.sh; then
	missing=()
	for target in "${targets[@]}"; do
		image=$(override "${target%%:*}")
		[ -n "$image" ] || image=$(official "$target")
		has_image "migrate-test/$target" || has_image "$image" || pull "$image" || missing+=("$target")
	done
	[ ${#missing[@]} -gt 0 ] || exit 0
	echo "no registry has the images; building them from Debian packages: ${missing[*]}"
	if scripts/apt.sh debootstrap && integration/images/build.sh "${missing[@]}"; then
		exit 0
	fi
	targets=("${missing[@]}")
fi

echo "no images for ${targets[*]}: looking for installed binaries"
for target in "${targets[@]}"; do
	scripts/binaries.sh "${target%%:*}" || echo "there is no server for $target" >&2
done
