#!/bin/sh
# Initialises MySQL or MariaDB at the first start, then runs the server in the foreground.
# Arguments that start with a dash are the server's, as in the official images.
set -eu

server=mysqld
[ -x /usr/sbin/mariadbd ] && server=mariadbd
[ "${1:-}" = "" ] && set -- "$server"
case $1 in -*) set -- "$server" "$@" ;; esac
case $1 in
mysqld | mariadbd) shift ;;
*) exec "$@" ;;
esac

data=/var/lib/mysql
run=/run/mysqld
install -d -o mysql -g mysql -m 0755 "$run"
install -d -o mysql -g mysql -m 0750 "$data"

# No configuration file of Debian's: the defaults of the server itself, as in the
# official images.
set -- --datadir="$data" --socket="$run/mysqld.sock" --pid-file="$run/mysqld.pid" \
	--bind-address=0.0.0.0 --skip-name-resolve "$@"

quote() { printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g; s/.*/'&'/"; }
quote_name() { printf '%s' "$1" | sed 's/`/``/g; s/.*/`&`/'; }

if [ ! -d "$data/mysql" ]; then
	if [ "$server" = mariadbd ]; then
		password=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}
		database=${MARIADB_DATABASE:-${MYSQL_DATABASE:-}}
	else
		password=${MYSQL_ROOT_PASSWORD:-}
		database=${MYSQL_DATABASE:-}
	fi
	if [ -z "$password" ]; then
		echo "entrypoint: MYSQL_ROOT_PASSWORD (MariaDB: MARIADB_ROOT_PASSWORD) must be set" >&2
		exit 1
	fi
	if [ "$server" = mariadbd ]; then
		mariadb-install-db --no-defaults --user=mysql --datadir="$data" --skip-test-db \
			--auth-root-authentication-method=normal >/dev/null
	else
		mysqld --no-defaults --user=mysql --datadir="$data" --secure-file-priv= --initialize-insecure
	fi
	# The server runs this file before it opens its port: who can connect finds the
	# password and the database in place.
	init=$run/init.sql
	secret=$(quote "$password")
	(
		umask 077
		{
			echo "CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY $secret;"
			echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
			echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $secret;"
			# mariadb-install-db leaves root without a password on other addresses.
			[ "$server" = mysqld ] || {
				echo "DELETE FROM mysql.global_priv WHERE user = 'root' AND host NOT IN ('localhost', '%');"
				echo "FLUSH PRIVILEGES;"
			}
			[ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS $(quote_name "$database");"
		} >"$init"
	)
	chown mysql "$init"
	set -- "$@" --init-file="$init"
fi
[ "$server" = mariadbd ] || set -- --secure-file-priv= "$@"
exec "$server" --no-defaults --user=mysql "$@"
