=== pg-rename-view: postgres
CREATE SCHEMA app;
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE VIEW people AS SELECT id, name FROM users WHERE name IS NOT NULL;
CREATE VIEW first_people AS SELECT id FROM people;
CREATE VIEW "Odd" WITH (security_barrier) AS SELECT id FROM users;
ALTER VIEW people ALTER COLUMN name SET DEFAULT 'x';
COMMENT ON VIEW people IS 'people';
COMMENT ON COLUMN people.name IS 'their name';
GRANT SELECT ON people TO pg_monitor;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users;
CREATE UNIQUE INDEX counts_n ON counts (n);
INSERT INTO users SELECT i, 'n' FROM generate_series(1, 30) i;
---
ALTER VIEW people RENAME TO persons;
ALTER VIEW "Odd" SET SCHEMA app;
ALTER MATERIALIZED VIEW counts RENAME TO tallies;
=== pg-rename-function: postgres
CREATE SCHEMA app;
CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public AS $$ BEGIN RETURN a || b; END $$;
COMMENT ON FUNCTION f(int, text) IS 'joins';
REVOKE ALL ON FUNCTION f(int, text) FROM PUBLIC;
CREATE PROCEDURE p(a int) LANGUAGE sql AS 'SELECT 1';
CREATE TABLE users (id bigint PRIMARY KEY, name text DEFAULT f(1));
---
ALTER FUNCTION f(int, text) RENAME TO g;
ALTER PROCEDURE p(int) SET SCHEMA app;
=== pg-rename-type: postgres
CREATE SCHEMA app;
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN short AS text CHECK (length(VALUE) < 10);
CREATE TABLE users (id bigint PRIMARY KEY, m mood DEFAULT 'ok', p pair, s short);
CREATE SEQUENCE numbers;
INSERT INTO users SELECT i, 'ok', '(1,x)', 's' FROM generate_series(1, 30) i;
---
ALTER TYPE mood RENAME TO feeling;
ALTER TYPE pair SET SCHEMA app;
ALTER DOMAIN short RENAME TO brief;
ALTER SEQUENCE numbers RENAME TO counters;
