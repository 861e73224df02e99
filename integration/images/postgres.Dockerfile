# PostgreSQL from Debian's own packages, with the environment of the official image:
# POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB.
ARG SUITE
FROM migrate-test/base:${SUITE}
ARG VERSION
# The official image has en_US.UTF-8 as well: text must sort the same way in both.
RUN mkdir -p /etc/postgresql-common \
	&& echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
	&& apt-get update \
	&& DEBIAN_FRONTEND=noninteractive apt-get install -y locales postgresql-${VERSION} \
	&& localedef -i en_US -f UTF-8 en_US.UTF-8 \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
ENV LANG=en_US.UTF-8 PG_MAJOR=${VERSION} PGDATA=/var/lib/postgresql/data \
	PATH=/usr/lib/postgresql/${VERSION}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY postgres-entrypoint.sh /usr/local/bin/entrypoint
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["entrypoint"]
CMD ["postgres"]
