#!/usr/bin/env bash
# binaries.sh ENGINE: installs the server programs of an engine where it may and they are
# missing. No service is started: what needs a server starts its own. MySQL goes to the
# directory MYSQL_DIR when the machine's packages do not have it.
set -euo pipefail
cd "$(dirname "$0")/.."

# is_mysql PROGRAM: MariaDB may call its server mysqld too.
is_mysql() { "$1" --no-defaults --version 2>/dev/null | grep -q Ver && ! "$1" --no-defaults --version | grep -q MariaDB; }

engine=${1:?usage: binaries.sh ENGINE}
PATH=$PATH:/usr/sbin:/usr/libexec
case $engine in
postgres)
	command -v initdb >/dev/null && exit 0
	compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && exit 0
	# Without this, Debian's package would start a server on the standard port.
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	fi
	scripts/apt.sh postgresql
	;;
mariadb)
	command -v mariadbd >/dev/null || scripts/apt.sh mariadb-server-core mariadb-client-core
	;;
mysql)
	directory=${MYSQL_DIR:-/opt/migrate-test-mysql}
	is_mysql mysqld || is_mysql "$directory/bin/mysqld" || scripts/mysql.sh "$directory"
	;;
*)
	echo "binaries.sh: unknown engine $engine" >&2
	exit 1
	;;
esac
