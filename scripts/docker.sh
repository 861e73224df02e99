#!/usr/bin/env bash
# docker.sh: makes a Docker engine answer. As root on Debian it installs one and starts it;
# elsewhere it only says what is missing. An engine that is started here keeps running.
set -euo pipefail
cd "$(dirname "$0")/.."

answers() { timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# await_engine PID waits for the engine as long as its process lives.
await_engine() {
	for _ in $(seq 120); do
		answers && return 0
		kill -0 "$1" 2>/dev/null || return 1
		sleep 0.5
	done
	return 1
}

answers && exit 0
if [ -n "${DOCKER_HOST:-}" ]; then
	echo "no Docker engine answers at DOCKER_HOST" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "no Docker engine answers: start Docker, and see that this user may use it" >&2
	exit 1
fi
# The docker command may be there without an engine.
command -v dockerd >/dev/null || scripts/apt.sh docker.io iptables
answers && exit 0 # installing it may have started it
if [ -d /run/systemd/system ] && systemctl start docker && answers; then
	exit 0
fi

# An engine that was killed leaves a file with its process's number. Should that number be
# somebody else's by now, or a process that has ended, the next engine would not start.
pidfile=/var/run/docker.pid
if [ -f "$pidfile" ]; then
	read -r _ name state _ 2>/dev/null <"/proc/$(cat "$pidfile")/stat" || name="" state=""
	if [ "$name" != "(dockerd)" ] || [ "$state" = Z ]; then
		rm -f "$pidfile"
	fi
fi

log=/var/log/dockerd.log
# The second set is for machines that grant neither overlay mounts nor the packet filter.
for flags in "" "--storage-driver=vfs --iptables=false --ip6tables=false"; do
	echo "starting dockerd $flags"
	# shellcheck disable=SC2086 # the flags are words
	setsid nohup dockerd --log-level=warn $flags >>"$log" 2>&1 </dev/null &
	engine=$!
	await_engine "$engine" && exit 0
	kill "$engine" 2>/dev/null || true
done
echo "dockerd does not run on this machine; the end of $log:" >&2
tail -n 5 "$log" >&2
exit 1
