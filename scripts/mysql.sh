#!/usr/bin/env bash
# mysql.sh DIRECTORY: puts MySQL's server into a directory, for machines that have neither
# MySQL among their packages (Debian has MariaDB instead) nor Docker. It fetches Debian
# unstable's package with all it depends on, unpacks it and changes nothing outside of the
# directory: DIRECTORY/bin/mysqld runs the server with its own C library.
set -euo pipefail

target=${1:?usage: mysql.sh DIRECTORY}
mirror=$("$(dirname "$0")/mirror.sh")
[ -x "$target/bin/mysqld" ] && exit 0

command -v apt-get >/dev/null && [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || {
	echo "mysql.sh needs Debian's apt-get and debian-archive-keyring" >&2
	exit 1
}
echo "fetching MySQL from Debian unstable into $target"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,root}
: >"$work/status" # nothing is installed, so every dependency is fetched
architecture=$(dpkg --print-architecture)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=$architecture] $mirror sid main" >"$work/sources.list"
cat >"$work/apt.conf" <<-CONF
	Dir::State "$work";
	Dir::State::lists "$work/lists";
	Dir::State::status "$work/status";
	Dir::Cache "$work/cache";
	Dir::Etc::sourcelist "$work/sources.list";
	Dir::Etc::sourceparts "-";
	Dir::Etc::parts "$work/etc/apt.conf.d";
	Dir::Etc::preferencesparts "$work/etc/preferences.d";
	APT::Install-Recommends "false";
	APT::Sandbox::User "root";
	Acquire::Check-Valid-Until "false";
	Acquire::Languages "none";
	Acquire::Retries "5";
	Debug::NoLocking "true";
CONF
export APT_CONFIG=$work/apt.conf
apt-get update -qq
apt-get install -qq -y --download-only mysql-server-core >/dev/null
for package in "$work"/cache/archives/*.deb; do
	dpkg-deb --extract "$package" "$work/root"
done

# The loader and the libraries of the same release; a wrapper that calls them.
loader=$(cd "$work/root" && find . -name 'ld-linux*.so.*' | sed 's/^\.//;q')
libraries=$(cd "$work/root" && find . -name 'lib*.so*' -printf '%h\n' | sort -u | sed "s|^\.|$target|" | paste -sd:)
mkdir -p "$target/bin"
cp -a "$work/root/." "$target/"
cat >"$target/bin/mysqld" <<-WRAPPER
	#!/bin/sh
	# --basedir comes after --no-defaults, which has to be first.
	case \${1:-} in --no-defaults) shift ;; esac
	exec "$target$loader" --library-path "$libraries" "$target/usr/sbin/mysqld" --no-defaults --basedir="$target/usr" "\$@"
WRAPPER
chmod -R a+rX "$target"
chmod +x "$target/bin/mysqld"
"$target/bin/mysqld" --version
