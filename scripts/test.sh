#!/usr/bin/env bash
# test.sh FLAGS… -- PACKAGES…: go test. Packages that time single requests have the machine
# to themselves, when the others are done: what those did to a request would count as migrate's.
set -euo pipefail

flags=()
while [ "${1:?usage: test.sh FLAGS… -- PACKAGES…}" != -- ]; do
	flags+=("$1")
	shift
done
shift
timed='/integration/load/kinds$'

list=$(go list "$@")
mapfile -t beside < <(grep -v "$timed" <<<"$list" || true)
mapfile -t apart < <(grep "$timed" <<<"$list" || true)
status=0
if [ ${#beside[@]} -gt 0 ]; then
	go test "${flags[@]}" "${beside[@]}" || status=$?
fi
if [ ${#apart[@]} -gt 0 ]; then
	go test "${flags[@]}" "${apart[@]}" || status=$?
fi
exit "$status"
