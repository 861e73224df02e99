=== pg-enum: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
---
CREATE TYPE mood AS ENUM ('sad', 'ok');
ALTER TABLE users ADD COLUMN mood mood NOT NULL DEFAULT 'ok';

=== pg-enum-value: postgres stays
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id bigint PRIMARY KEY, mood mood DEFAULT 'ok');
INSERT INTO users VALUES (1);
---
ALTER TYPE mood ADD VALUE 'happy' BEFORE 'ok';
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad';
COMMENT ON TYPE mood IS 'how they are';

=== pg-drop-type-with-column: postgres
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 10);
CREATE TABLE users (id bigint PRIMARY KEY, mood mood, s short);
INSERT INTO users VALUES (1, 'ok', 's');
---
ALTER TABLE users DROP COLUMN mood, DROP COLUMN s;
DROP TYPE mood;
DROP DOMAIN IF EXISTS short, never_was;

=== pg-composite-and-range: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
---
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE span AS RANGE (subtype = float8);
GRANT USAGE ON TYPE pair TO pg_monitor;

=== pg-domain: postgres
CREATE DOMAIN email AS text DEFAULT 'x@y' CONSTRAINT at CHECK (VALUE LIKE '%@%');
---
ALTER DOMAIN email ADD CONSTRAINT short CHECK (length(VALUE) < 100);
ALTER DOMAIN email DROP DEFAULT;
ALTER DOMAIN email SET NOT NULL;
ALTER DOMAIN email DROP CONSTRAINT at;
CREATE DOMAIN other AS integer NOT NULL;

=== pg-domain-in-use: postgres
CREATE DOMAIN email AS text;
CREATE TABLE users (id bigint PRIMARY KEY, mail email);
INSERT INTO users VALUES (1, 'a@b');
---
-- migrate:allow domain-constraint-scans "the table is small"
ALTER DOMAIN email ADD CONSTRAINT short CHECK (length(VALUE) < 100);

=== pg-sequence: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE SEQUENCE old_numbers START 5;
---
CREATE SEQUENCE numbers INCREMENT 5 OWNED BY users.id;
ALTER SEQUENCE old_numbers AS integer INCREMENT BY 2 MAXVALUE 100 CYCLE OWNED BY users.id;
GRANT USAGE ON SEQUENCE numbers TO pg_monitor;

=== pg-drop-sequence: postgres
CREATE SEQUENCE numbers;
CREATE TABLE users (id bigint PRIMARY KEY DEFAULT nextval('numbers'), no bigint DEFAULT nextval('numbers'));
INSERT INTO users VALUES (DEFAULT, DEFAULT);
---
ALTER TABLE users DROP COLUMN no;
ALTER TABLE users ALTER COLUMN id DROP DEFAULT;
DROP SEQUENCE numbers;

=== pg-setval: postgres stays
CREATE SEQUENCE numbers;
---
SELECT pg_catalog.setval('public.numbers', 41, true);

=== pg-schema: postgres
CREATE SCHEMA unused;
---
CREATE SCHEMA IF NOT EXISTS app;
CREATE TABLE app.things (id bigint PRIMARY KEY);
COMMENT ON SCHEMA app IS 'things';
GRANT USAGE ON SCHEMA app TO pg_monitor;
DROP SCHEMA unused;

=== pg-extension: postgres
CREATE EXTENSION hstore;
---
CREATE EXTENSION IF NOT EXISTS citext;
CREATE TABLE users (id bigint PRIMARY KEY, mail citext);
DROP EXTENSION hstore;

=== pg-statistics: postgres
CREATE TABLE users (id bigint PRIMARY KEY, a integer, b integer);
CREATE STATISTICS gone ON a, b FROM users;
COMMENT ON STATISTICS gone IS 'old';
ALTER STATISTICS gone SET STATISTICS 50;
---
ALTER TABLE users ADD COLUMN c integer;
CREATE STATISTICS st (ndistinct) ON a, c FROM users;
ALTER STATISTICS st SET STATISTICS 500;
DROP STATISTICS gone;

=== pg-publication: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE pets (id bigint PRIMARY KEY);
CREATE PUBLICATION old FOR TABLE users WITH (publish = 'insert');
CREATE PUBLICATION gone FOR TABLE pets;
---
CREATE PUBLICATION new FOR TABLE users;
ALTER PUBLICATION old ADD TABLE pets;
ALTER PUBLICATION old SET (publish = 'insert, update');
ALTER PUBLICATION old DROP TABLE users;
DROP PUBLICATION gone;

=== pg-collation: postgres
CREATE COLLATION gone (locale = 'C');
---
CREATE COLLATION coll (locale = 'C');
DROP COLLATION gone;

=== pg-storage: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text) WITH (fillfactor = 80);
CREATE INDEX users_name ON users (name);
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users SET (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false),
	ALTER COLUMN name SET STATISTICS 500, ALTER COLUMN name SET STORAGE EXTERNAL, ALTER COLUMN name SET (n_distinct = 5),
	CLUSTER ON users_pkey, REPLICA IDENTITY FULL;
ALTER TABLE users RESET (fillfactor);
ALTER INDEX users_name SET (fillfactor = 50);

=== pg-storage-of-new-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users ADD COLUMN body text, ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN body SET STATISTICS 300;
UPDATE users SET body = name || name;

=== pg-storage-of-renamed-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users RENAME COLUMN name TO title;
ALTER TABLE users ALTER COLUMN title SET STATISTICS 300;

=== pg-owner: postgres
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
GRANT SELECT ON users TO pg_monitor;
GRANT UPDATE (name) ON users TO pg_read_all_settings;
CREATE VIEW v AS SELECT id FROM users;
GRANT SELECT ON v TO pg_monitor WITH GRANT OPTION;
---
ALTER TABLE users OWNER TO pg_monitor;
ALTER VIEW v OWNER TO pg_monitor;

=== pg-grant: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, mail text);
CREATE VIEW v AS SELECT id FROM users;
GRANT SELECT ON users TO pg_monitor;
---
GRANT SELECT, INSERT ON users, v TO pg_monitor WITH GRANT OPTION;
GRANT SELECT (name), UPDATE (name, mail) ON users TO pg_read_all_settings;
GRANT ALL ON ALL TABLES IN SCHEMA public TO pg_read_all_stats;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;

=== pg-revoke: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
GRANT SELECT, UPDATE ON users TO pg_monitor WITH GRANT OPTION;
GRANT SELECT (name) ON users TO pg_read_all_settings;
---
REVOKE SELECT ON users FROM pg_monitor;
REVOKE GRANT OPTION FOR UPDATE ON users FROM pg_monitor;
REVOKE ALL (name) ON users FROM pg_read_all_settings;
REVOKE ALL ON FUNCTION f() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

=== pg-grant-on-new-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users ADD COLUMN nick text;
GRANT SELECT (nick) ON users TO pg_monitor;

=== pg-grant-on-renamed-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users RENAME COLUMN name TO nick;
GRANT SELECT (nick) ON users TO pg_monitor;

=== pg-transaction-around: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
---
SET lock_timeout = '5s';
BEGIN;
LOCK TABLE users IN ACCESS EXCLUSIVE MODE;
ALTER TABLE users ADD COLUMN nick text;
COMMIT;

=== pg-maintenance: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE INDEX users_name ON users (name);
INSERT INTO users VALUES (1, 'Ada');
---
ANALYZE users;
REINDEX INDEX users_name;

=== pg-table-options: postgres
CREATE TABLE base (id bigint PRIMARY KEY, name text DEFAULT 'x' CHECK (name <> ''));
---
CREATE UNLOGGED TABLE cache (id bigint PRIMARY KEY, v text) WITH (fillfactor = 70);
