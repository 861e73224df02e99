#!/bin/sh
# Initialises a cluster at the first start, then runs the server in the foreground.
# Arguments that start with a dash are the server's, as in the official image.
set -eu

[ "${1:-}" = "" ] && set -- postgres
case $1 in -*) set -- postgres "$@" ;; esac
if [ "$1" != postgres ]; then
	exec "$@"
fi

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -z "${POSTGRES_PASSWORD:-}" ]; then
		echo "entrypoint: POSTGRES_PASSWORD must be set" >&2
		exit 1
	fi
	user=${POSTGRES_USER:-postgres}
	database=${POSTGRES_DB:-$user}
	install -d -o postgres -g postgres -m 0700 "$PGDATA"
	password=$(mktemp)
	printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
	chown postgres "$password"
	as_postgres initdb --pgdata="$PGDATA" --username="$user" --pwfile="$password" \
		--auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-sync >/dev/null
	rm -f "$password"
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
	# Single-user mode: the port stays shut until the server is complete, so a test that
	# can connect can work.
	if [ "$database" != postgres ]; then
		quoted=$(printf '%s' "$database" | sed 's/"/""/g')
		printf 'CREATE DATABASE "%s"\n' "$quoted" |
			as_postgres postgres --single -D "$PGDATA" postgres >/dev/null
	fi
fi
install -d -o postgres -g postgres -m 2775 /var/run/postgresql
exec setpriv --reuid=postgres --regid=postgres --init-groups "$@"
