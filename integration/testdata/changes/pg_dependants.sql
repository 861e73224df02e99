=== pg-retype-unique-constraint: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, number int NOT NULL CONSTRAINT orders_number UNIQUE, note text);
COMMENT ON CONSTRAINT orders_number ON orders IS 'what customers quote';
INSERT INTO orders SELECT i, i * 10, 'n' FROM generate_series(1, 50) i;
---
ALTER TABLE orders ALTER COLUMN number TYPE bigint;
=== pg-retype-unique-of-several: postgres
CREATE TABLE lines (order_id bigint, position int, sku text, UNIQUE (order_id, position) INCLUDE (sku), UNIQUE (position, order_id));
INSERT INTO lines SELECT i % 5, i, 's' FROM generate_series(1, 50) i;
INSERT INTO lines VALUES (1, NULL, 'x'), (1, NULL, 'y');
---
ALTER TABLE lines ALTER COLUMN position TYPE bigint;
=== pg-retype-deferrable-unique: postgres
CREATE TABLE todos (id bigint PRIMARY KEY, list int, position int NOT NULL, UNIQUE (list, position) DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE todos ADD CONSTRAINT todos_position UNIQUE (position) DEFERRABLE;
INSERT INTO todos SELECT i, 1, i FROM generate_series(1, 50) i;
---
ALTER TABLE todos ALTER COLUMN position TYPE bigint;
=== pg-retype-indexes: postgres
CREATE TABLE hits (id bigint PRIMARY KEY, page text, n int, at timestamptz);
CREATE INDEX hits_plain ON hits (n);
CREATE INDEX hits_expression ON hits ((n % 10), lower(page));
CREATE INDEX hits_partial ON hits (page) WHERE n > 5;
CREATE INDEX hits_include ON hits (page) INCLUDE (n);
CREATE INDEX hits_order ON hits (n DESC NULLS LAST, page COLLATE "C" text_pattern_ops, at NULLS FIRST) WITH (fillfactor = 70);
CREATE INDEX hits_brin ON hits USING brin (n) WITH (pages_per_range = 16);
CREATE INDEX hits_hash ON hits USING hash (n);
CREATE UNIQUE INDEX hits_unique ON hits (n, page) WHERE page <> '';
COMMENT ON INDEX hits_partial IS 'the busy ones';
ALTER TABLE hits CLUSTER ON hits_plain;
INSERT INTO hits SELECT i, 'p' || i, i, '2024-02-29 12:00:00Z' FROM generate_series(1, 50) i;
---
ALTER TABLE hits ALTER COLUMN n TYPE bigint;
=== pg-retype-checks: postgres
CREATE TABLE stock (id bigint PRIMARY KEY, amount int CHECK (amount >= 0), reserved smallint DEFAULT 0, CONSTRAINT enough CHECK (reserved <= amount) NO INHERIT);
INSERT INTO stock SELECT i, i, 0 FROM generate_series(1, 50) i;
ALTER TABLE stock ADD CONSTRAINT below CHECK (amount + reserved < 100000) NOT VALID;
ALTER TABLE stock ADD CONSTRAINT some_of CHECK (amount IN (1, 2, 3) OR amount BETWEEN 4 AND 99) NOT VALID;
COMMENT ON CONSTRAINT enough ON stock IS 'never more than there is';
---
ALTER TABLE stock ALTER COLUMN amount TYPE bigint, ALTER COLUMN reserved TYPE int;
=== pg-retype-foreign-keys: postgres
CREATE TABLE people (id int PRIMARY KEY, name text);
CREATE TABLE places (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE visits (id bigint PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE ON UPDATE SET NULL, a int, b int,
	CONSTRAINT visits_place FOREIGN KEY (a, b) REFERENCES places ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED);
INSERT INTO people SELECT i, 'p' FROM generate_series(1, 20) i;
INSERT INTO places SELECT i, i FROM generate_series(1, 20) i;
INSERT INTO visits SELECT i, i, i, i FROM generate_series(1, 20) i;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE visits ADD CONSTRAINT visits_unsure FOREIGN KEY (person) REFERENCES people ON DELETE CASCADE NOT VALID;
COMMENT ON CONSTRAINT visits_place ON visits IS 'where';
CREATE INDEX ON visits (person);
---
ALTER TABLE visits ALTER COLUMN person TYPE bigint, ALTER COLUMN a TYPE bigint;
=== pg-retype-foreign-key-to-itself: postgres
CREATE TABLE nodes (id bigint PRIMARY KEY, parent int REFERENCES nodes DEFERRABLE, kids int NOT NULL DEFAULT 0);
INSERT INTO nodes SELECT i, NULLIF(i - 1, 0) FROM generate_series(1, 20) i;
---
ALTER TABLE nodes ALTER COLUMN parent TYPE bigint;
=== pg-retype-foreign-key-set-columns: postgres since=150000
CREATE TABLE tenants (id int, branch int, PRIMARY KEY (id, branch));
CREATE TABLE docs (id bigint PRIMARY KEY, tenant int NOT NULL, branch int, FOREIGN KEY (tenant, branch) REFERENCES tenants ON DELETE SET NULL (branch));
INSERT INTO tenants VALUES (1, 1), (1, 2);
INSERT INTO docs VALUES (1, 1, 1), (2, 1, NULL);
---
ALTER TABLE docs ALTER COLUMN branch TYPE bigint;
=== pg-retype-serial: postgres
CREATE TABLE tickets (id uuid PRIMARY KEY, number serial UNIQUE, title text);
INSERT INTO tickets SELECT md5(i::text)::uuid, i, 't' FROM generate_series(1, 20) i;
SELECT setval('tickets_number_seq', 20);
---
ALTER TABLE tickets ALTER COLUMN number TYPE bigint;
=== pg-retype-sequence-of-its-own: postgres
CREATE SEQUENCE "Odd numbers";
CREATE TABLE tickets (id uuid PRIMARY KEY, number int NOT NULL DEFAULT nextval('"Odd numbers"'), title text);
INSERT INTO tickets (id) SELECT md5(i::text)::uuid FROM generate_series(1, 20) i;
---
ALTER TABLE tickets ALTER COLUMN number TYPE bigint;
=== pg-retype-grants-comment-settings: postgres
CREATE TABLE pay (id bigint PRIMARY KEY, amount int NOT NULL DEFAULT 5, currency text);
COMMENT ON COLUMN pay.amount IS 'in cents';
ALTER TABLE pay ALTER COLUMN amount SET STATISTICS 300;
ALTER TABLE pay ALTER COLUMN amount SET (n_distinct = -0.5, n_distinct_inherited = 7);
GRANT SELECT (amount), INSERT (id, amount) ON pay TO pg_monitor WITH GRANT OPTION;
GRANT SELECT (amount) ON pay TO PUBLIC;
GRANT UPDATE (amount) ON pay TO pg_read_all_settings;
INSERT INTO pay SELECT i, i, 'EUR' FROM generate_series(1, 20) i;
---
ALTER TABLE pay ALTER COLUMN amount TYPE bigint;
=== pg-retype-statistics: postgres since=140000
-- The columns of statistics stand in the table's order, and rebuilt ones come last there.
CREATE TABLE flats (id bigint PRIMARY KEY, city text, zip int, rooms smallint);
CREATE STATISTICS flats_zip (dependencies, ndistinct) ON zip, city FROM flats;
CREATE STATISTICS flats_expr ON (zip % 100), rooms FROM flats;
COMMENT ON STATISTICS flats_zip IS 'a zip is of one city';
INSERT INTO flats SELECT i, 'c', i, 2 FROM generate_series(1, 20) i;
---
ALTER TABLE flats ALTER COLUMN zip TYPE bigint, ALTER COLUMN rooms TYPE int;
=== pg-retype-real: postgres
CREATE TABLE points (id bigint PRIMARY KEY, x real NOT NULL UNIQUE DEFAULT 0.5 CHECK (x > -1000));
INSERT INTO points SELECT i, i / 7.0 FROM generate_series(1, 20) i;
---
ALTER TABLE points ALTER COLUMN x TYPE double precision;
=== pg-retype-in-other-schema: postgres
CREATE SCHEMA "Shop";
CREATE TABLE "Shop"."Orders" (id bigint PRIMARY KEY, "Number" serial UNIQUE, "Of" int CHECK ("Of" > 0));
CREATE INDEX "By of" ON "Shop"."Orders" ("Of", "Number");
CREATE STATISTICS "Shop"."Both" ON "Of", "Number" FROM "Shop"."Orders";
INSERT INTO "Shop"."Orders" SELECT i, i, i FROM generate_series(1, 50) i;
---
ALTER TABLE "Shop"."Orders" ALTER COLUMN "Number" TYPE bigint, ALTER COLUMN "Of" TYPE bigint;
=== pg-drop-checked-column: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, nick text, kind text DEFAULT 'x' CHECK (kind IN ('x', 'y')), CHECK (name IS NOT NULL OR nick IS NOT NULL),
	CONSTRAINT nick_is_set CHECK (nick IS NOT NULL AND length(name) > 1) NOT VALID, CONSTRAINT harmless CHECK (length(nick) > 1 AND nick <> name));
COMMENT ON CONSTRAINT nick_is_set ON users IS 'people need one';
INSERT INTO users SELECT i, 'name', 'nick' FROM generate_series(1, 20) i;
---
ALTER TABLE users DROP COLUMN nick, DROP COLUMN kind;
=== pg-drop-column-of-indexes: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text, tenant int, slot int, UNIQUE (tenant, slot), CONSTRAINT named UNIQUE (name, slot) DEFERRABLE);
CREATE INDEX users_both ON users (name, slot DESC);
CREATE INDEX users_part ON users (name) WHERE slot > 0;
CREATE INDEX users_with ON users (name) INCLUDE (slot);
CREATE INDEX users_expr ON users ((slot + tenant));
CREATE UNIQUE INDEX users_name ON users (name) INCLUDE (slot);
CREATE STATISTICS users_stat ON tenant, slot FROM users;
INSERT INTO users SELECT i, 'n' || i, 1, i FROM generate_series(1, 20) i;
---
-- migrate:phase expand
DROP INDEX users_name;
ALTER TABLE users DROP COLUMN slot;
=== pg-drop-column-of-foreign-keys: postgres
CREATE TABLE people (id int PRIMARY KEY);
CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b));
INSERT INTO people SELECT generate_series(0, 5);
INSERT INTO pairs VALUES (1, 1);
CREATE TABLE notes (id bigint PRIMARY KEY, owner int REFERENCES people ON DELETE CASCADE, author int NOT NULL DEFAULT 0 REFERENCES people ON DELETE SET DEFAULT,
	a int, b int, FOREIGN KEY (a, b) REFERENCES pairs MATCH FULL);
INSERT INTO notes SELECT i, 1, 2, 1, 1 FROM generate_series(1, 5) i;
---
ALTER TABLE notes DROP COLUMN owner, DROP COLUMN author, DROP COLUMN b;
=== pg-drop-serial: postgres
CREATE TABLE tickets (id uuid PRIMARY KEY, number serial UNIQUE, title text);
COMMENT ON COLUMN tickets.number IS 'old';
GRANT SELECT (number) ON tickets TO pg_monitor;
INSERT INTO tickets SELECT md5(i::text)::uuid, i, 't' FROM generate_series(1, 20) i;
---
ALTER TABLE tickets DROP COLUMN number;
=== pg-rename-with-dependants: postgres
CREATE TABLE kinds (id int PRIMARY KEY);
INSERT INTO kinds SELECT generate_series(1, 5);
CREATE TABLE things (id bigint PRIMARY KEY, kind int NOT NULL DEFAULT 1 CHECK (kind > 0) REFERENCES kinds ON DELETE SET NULL, slot int, title text,
	CONSTRAINT one UNIQUE (kind, slot) DEFERRABLE INITIALLY DEFERRED, CONSTRAINT two UNIQUE (slot, kind), CHECK (kind < slot));
CREATE INDEX things_expr ON things ((kind * 2), title text_pattern_ops);
CREATE INDEX things_part ON things (title) INCLUDE (kind) WHERE kind <> 3;
CREATE INDEX things_desc ON things (kind DESC NULLS LAST) WITH (fillfactor = 80);
COMMENT ON INDEX things_desc IS 'newest';
COMMENT ON COLUMN things.kind IS 'of kinds';
COMMENT ON CONSTRAINT one ON things IS 'one';
ALTER TABLE things CLUSTER ON things_desc;
ALTER TABLE things ALTER COLUMN kind SET STATISTICS 200;
ALTER TABLE things ALTER COLUMN kind SET (n_distinct = 5);
GRANT SELECT (kind), UPDATE (kind) ON things TO pg_monitor;
CREATE STATISTICS things_stat ON kind, slot FROM things;
CREATE TABLE refs (kind int, slot int, FOREIGN KEY (slot, kind) REFERENCES things (slot, kind));
INSERT INTO things SELECT i, i % 5 + 1, i + 10, 't' FROM generate_series(1, 20) i;
INSERT INTO refs VALUES (2, 11);
CREATE VIEW busy AS SELECT kind, count(*) AS n FROM things GROUP BY kind;
CREATE MATERIALIZED VIEW busier AS SELECT kind + 1 AS k FROM things WHERE kind > 2;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER things_touch BEFORE UPDATE OF kind ON things FOR EACH ROW WHEN (NEW.kind > 1) EXECUTE FUNCTION touch();
CREATE POLICY few ON things USING (kind < 100);
---
ALTER TABLE things RENAME COLUMN kind TO "Kind of";
=== pg-rename-serial: postgres
CREATE TABLE tickets (id uuid PRIMARY KEY, number serial UNIQUE, title text);
INSERT INTO tickets SELECT md5(i::text)::uuid, i, 't' FROM generate_series(1, 20) i;
SELECT setval('tickets_number_seq', 20);
---
ALTER TABLE tickets RENAME COLUMN number TO no;
=== pg-rename-identity: postgres
CREATE TABLE tickets (id uuid PRIMARY KEY, number bigint GENERATED BY DEFAULT AS IDENTITY (START 100 INCREMENT 5), title text);
INSERT INTO tickets (id) SELECT md5(i::text)::uuid FROM generate_series(1, 20) i;
---
ALTER TABLE tickets RENAME COLUMN number TO no;
=== pg-rename-generated-source: postgres
CREATE TABLE boxes (id bigint PRIMARY KEY, w int, h int, area int GENERATED ALWAYS AS (w * h) STORED);
INSERT INTO boxes SELECT i, i, 2 FROM generate_series(1, 20) i;
CREATE INDEX ON boxes (area);
---
ALTER TABLE boxes RENAME COLUMN w TO width;
