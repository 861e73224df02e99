# MariaDB from Debian's own packages, with the environment of the official image:
# MARIADB_ROOT_PASSWORD, MARIADB_DATABASE.
ARG SUITE
FROM migrate-test/base:${SUITE}
ARG VERSION
# The core package has the server and nothing that starts it.
RUN groupadd -r mysql && useradd -r -g mysql -d /var/lib/mysql mysql \
	&& apt-get update \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y mariadb-server-core mariadb-client-core \
	&& mariadbd --version && mariadbd --version | grep -q "Ver ${VERSION}\." \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
COPY mysql-entrypoint.sh /usr/local/bin/entrypoint
EXPOSE 3306
ENTRYPOINT ["entrypoint"]
CMD ["mariadbd"]
