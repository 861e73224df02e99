=== pg-comments: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text CONSTRAINT users_name CHECK (name <> ''));
CREATE INDEX users_by_name ON users (name);
COMMENT ON COLUMN users.name IS 'old';
INSERT INTO users VALUES (1, 'Ada');
---
COMMENT ON TABLE users IS 'people';
COMMENT ON COLUMN users.name IS 'their name';
COMMENT ON COLUMN users.id IS NULL;
COMMENT ON CONSTRAINT users_name ON users IS 'nobody is nameless';
COMMENT ON INDEX users_by_name IS 'for the search';

=== pg-comment-on-what-is-new: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
---
ALTER TABLE users ADD COLUMN nick text;
COMMENT ON COLUMN users.nick IS 'what friends say';
CREATE TABLE pets (id bigint PRIMARY KEY, users_id bigint);
COMMENT ON TABLE pets IS 'animals';
COMMENT ON COLUMN pets.id IS 'the number';
CREATE INDEX pets_users ON pets (users_id);
COMMENT ON INDEX pets_users IS 'whose';

=== pg-comment-on-renamed-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
COMMENT ON COLUMN users.name IS 'the name';
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users RENAME COLUMN name TO full_name;
COMMENT ON COLUMN users.full_name IS 'first and last';

=== pg-comment-on-added-index: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
CREATE UNIQUE INDEX users_name ON users (name);
COMMENT ON INDEX users_name IS 'one of each';

=== pg-create-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, active boolean);
INSERT INTO users VALUES (1, 'Ada', true);
---
CREATE VIEW active_users AS SELECT id, name FROM users WHERE active;
COMMENT ON VIEW active_users IS 'who may log in';
GRANT SELECT ON active_users TO pg_monitor;

=== pg-create-view-on-new-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
CREATE OR REPLACE VIEW shout AS SELECT id, upper(name) AS name FROM users;
ALTER TABLE users ADD COLUMN loud text;
UPDATE users SET loud = upper(name);
CREATE VIEW louder AS SELECT u.id, u.loud FROM users u JOIN shout s USING (id);

=== pg-replace-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
CREATE VIEW v AS SELECT id, name FROM users;
CREATE VIEW w AS SELECT id FROM v;
GRANT SELECT ON v TO pg_monitor;
COMMENT ON VIEW v IS 'the view';
---
CREATE OR REPLACE VIEW v AS SELECT id, lower(name) AS name FROM users;

=== pg-replace-view-with-more: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
CREATE VIEW v AS SELECT id, name FROM users;
GRANT SELECT ON v TO pg_monitor WITH GRANT OPTION;
COMMENT ON COLUMN v.name IS 'the name';
---
ALTER TABLE users ADD COLUMN nick text;
UPDATE users SET nick = left(name, 1);
CREATE OR REPLACE VIEW v AS SELECT id, name, nick FROM users;

=== pg-replace-view-before-drop-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, first_name text, last_name text);
INSERT INTO users VALUES (1, 'Ada L', 'Ada', 'L');
CREATE VIEW v AS SELECT id, name FROM users;
---
-- migrate:down users.name = first_name || ' ' || last_name
CREATE OR REPLACE VIEW v AS SELECT id, first_name || ' ' || last_name AS name FROM users;
ALTER TABLE users DROP COLUMN name;

=== pg-drop-view-with-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, age integer);
INSERT INTO users VALUES (1, 'Ada', 36);
CREATE VIEW v AS SELECT id, name, age FROM users;
GRANT SELECT ON v TO pg_monitor;
COMMENT ON VIEW v IS 'the view';
---
DROP VIEW v;
ALTER TABLE users DROP COLUMN age;
CREATE VIEW v AS SELECT id, name FROM users;
GRANT SELECT ON v TO pg_monitor;

=== pg-drop-view-for-type-change: postgres
CREATE TABLE users (id bigint PRIMARY KEY, hits integer NOT NULL);
INSERT INTO users VALUES (1, 36);
CREATE VIEW v WITH (security_barrier) AS SELECT id, hits FROM users;
---
DROP VIEW v;
ALTER TABLE users ALTER COLUMN hits TYPE bigint;
CREATE VIEW v AS SELECT id, hits FROM users;

=== pg-drop-view-for-rename: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
CREATE VIEW v AS SELECT id, name FROM users;
---
DROP VIEW IF EXISTS v;
ALTER TABLE users RENAME COLUMN name TO full_name;
CREATE VIEW v AS SELECT id, full_name FROM users;

=== pg-drop-views-on-each-other: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, age integer);
INSERT INTO users VALUES (1, 'Ada', 36);
CREATE VIEW v AS SELECT id, age FROM users;
CREATE VIEW w AS SELECT age FROM v;
---
DROP VIEW w;
DROP VIEW v;
ALTER TABLE users DROP COLUMN age;

=== pg-drop-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW v AS SELECT id FROM users;
---
DROP VIEW v;

=== pg-view-that-is-not-there: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
---
DROP VIEW IF EXISTS v;
CREATE VIEW v AS SELECT id FROM users;

=== pg-alter-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE VIEW v WITH (check_option = local) AS SELECT id, name FROM users WHERE id > 0;
---
ALTER VIEW v SET (security_barrier = true);
ALTER VIEW v RESET (check_option);

=== pg-materialized-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users;
CREATE UNIQUE INDEX names_id ON names (id);
COMMENT ON MATERIALIZED VIEW names IS 'all names';

=== pg-change-materialized-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, age integer);
INSERT INTO users VALUES (1, 'Ada', 36);
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users;
CREATE UNIQUE INDEX names_id ON names (id);
GRANT SELECT ON names TO pg_monitor;
---
DROP MATERIALIZED VIEW names;
CREATE MATERIALIZED VIEW names AS SELECT id, upper(name) AS name, age FROM users;
CREATE UNIQUE INDEX names_id ON names (id);
CREATE INDEX names_age ON names (age);
GRANT SELECT ON names TO pg_monitor;

=== pg-materialized-view-and-dropped-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, age integer);
INSERT INTO users VALUES (1, 'Ada', 36);
CREATE MATERIALIZED VIEW names AS SELECT id, age FROM users;
---
DROP MATERIALIZED VIEW names;
ALTER TABLE users DROP COLUMN age;
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users WITH NO DATA;

=== pg-refresh-materialized-view: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE MATERIALIZED VIEW names AS SELECT id FROM users;
CREATE UNIQUE INDEX names_id ON names (id);
INSERT INTO users VALUES (1);
---
REFRESH MATERIALIZED VIEW names;

=== pg-function: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
---
CREATE FUNCTION twice(a integer, b text DEFAULT 'x') RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2 * a';
COMMENT ON FUNCTION twice(integer, text) IS 'two times';
REVOKE ALL ON FUNCTION twice(integer, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION twice(integer, text) TO pg_monitor;

=== pg-replace-function: postgres
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';
COMMENT ON FUNCTION f(integer) IS 'the function';
---
CREATE OR REPLACE FUNCTION f(a integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN a + 1; END $$;

=== pg-drop-function: postgres
CREATE FUNCTION f(a integer, b name DEFAULT NULL) RETURNS integer LANGUAGE sql AS 'SELECT a';
---
DROP FUNCTION f;

=== pg-change-signature: postgres
CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT a';
GRANT EXECUTE ON FUNCTION f(integer) TO pg_monitor;
---
DROP FUNCTION IF EXISTS f(integer);
CREATE FUNCTION f(a integer) RETURNS text LANGUAGE sql AS 'SELECT a::text';

=== pg-procedure-and-aggregate: postgres
CREATE PROCEDURE p(a integer) LANGUAGE sql AS 'SELECT a';
---
DROP PROCEDURE p(integer);
CREATE OR REPLACE PROCEDURE q() LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');

=== pg-trigger-with-its-function: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada');
---
ALTER TABLE users ADD COLUMN updated_at timestamptz;
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
DROP TRIGGER IF EXISTS users_touch ON users;
CREATE TRIGGER users_touch BEFORE UPDATE OF name ON users FOR EACH ROW WHEN (NEW.updated_at IS NULL) EXECUTE FUNCTION touch();
COMMENT ON TRIGGER users_touch ON users IS 'sets updated_at';

=== pg-drop-trigger-and-function: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
COMMENT ON TRIGGER users_touch ON users IS 'touches';
ALTER TABLE users ENABLE ALWAYS TRIGGER users_touch;
---
DROP TRIGGER users_touch ON users;
DROP FUNCTION touch();

=== pg-change-trigger: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
---
DROP TRIGGER users_touch ON users;
CREATE TRIGGER users_touch BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();

=== pg-replace-trigger: postgres since=140000
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
---
CREATE OR REPLACE TRIGGER users_touch AFTER INSERT OR DELETE ON users FOR EACH STATEMENT EXECUTE FUNCTION touch();

=== pg-trigger-on-a-column-that-goes: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, age integer);
INSERT INTO users VALUES (1, 'Ada', 36);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users_touch BEFORE UPDATE OF age ON users FOR EACH ROW EXECUTE FUNCTION touch();
---
DROP TRIGGER users_touch ON users;
ALTER TABLE users DROP COLUMN age;

=== pg-switch-triggers: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER a BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER b BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER b;
---
ALTER TABLE users DISABLE TRIGGER a, ENABLE TRIGGER b;
ALTER TRIGGER a ON users RENAME TO c;

=== pg-drop-rule: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE RULE r AS ON DELETE TO users DO ALSO SELECT 1;
---
DROP RULE r ON users;

=== pg-row-security: postgres
CREATE TABLE users (id bigint PRIMARY KEY, tenant bigint);
INSERT INTO users VALUES (1, 1);
---
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON users FOR SELECT TO pg_monitor USING (tenant = 1);
CREATE POLICY positive ON users AS RESTRICTIVE USING (id > 0) WITH CHECK (id > 0);
COMMENT ON POLICY mine ON users IS 'rows of the tenant';

=== pg-change-policy: postgres
CREATE TABLE users (id bigint PRIMARY KEY, tenant bigint);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON users USING (tenant = 1);
CREATE POLICY yours ON users AS RESTRICTIVE FOR UPDATE TO pg_monitor, PUBLIC USING (tenant = 2) WITH CHECK (tenant > 0);
---
DROP POLICY IF EXISTS mine ON users;
CREATE POLICY mine ON users FOR ALL TO pg_monitor USING (tenant = 2);
ALTER POLICY yours ON users USING (tenant = 3);
ALTER TABLE users DISABLE ROW LEVEL SECURITY;

=== pg-materialized-view-of-filled-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
INSERT INTO users VALUES (1, 'Ada'), (2, NULL);
CREATE MATERIALIZED VIEW names AS SELECT id, name FROM users;
CREATE UNIQUE INDEX names_id ON names (id);
---
ALTER TABLE users ADD COLUMN loud text;
UPDATE users SET loud = upper(name);
CREATE MATERIALIZED VIEW louder AS SELECT id, loud FROM users;
CREATE INDEX louder_loud ON louder (loud);
REFRESH MATERIALIZED VIEW names;
ANALYZE users (loud);

=== pg-view-over-both-shapes: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ada L');
CREATE VIEW v AS SELECT id, name FROM users;
COMMENT ON COLUMN v.name IS 'first and last';
---
-- migrate:down users.name = first_name || ' ' || last_name
ALTER TABLE users ADD COLUMN first_name text, ADD COLUMN last_name text;
UPDATE users SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);
DROP VIEW v;
ALTER TABLE users DROP COLUMN name;
CREATE VIEW v AS SELECT id, first_name, last_name FROM users;
COMMENT ON VIEW v IS 'split';
