=== pg-retype-under-view: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, n int NOT NULL, note text);
INSERT INTO orders SELECT i, i, 'x' FROM generate_series(1, 20) i;
CREATE VIEW big AS SELECT id, n FROM orders WHERE n > 10;
GRANT SELECT ON big TO pg_monitor;
COMMENT ON VIEW big IS 'many';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE OF n ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY few ON orders USING (n < 1000);
---
DROP VIEW big;
DROP TRIGGER touched ON orders;
DROP POLICY few ON orders;
ALTER TABLE orders ALTER COLUMN n TYPE bigint;
CREATE VIEW big AS SELECT id, n FROM orders WHERE n > 10;
CREATE TRIGGER touched BEFORE UPDATE OF n ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY few ON orders USING (n < 1000);
=== pg-rename-under-view: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, n int NOT NULL, note text);
INSERT INTO orders SELECT i, i, 'x' FROM generate_series(1, 20) i;
CREATE VIEW big AS SELECT id, n FROM orders WHERE n > 10;
---
ALTER TABLE orders RENAME COLUMN n TO number;
DROP VIEW big;
CREATE VIEW big AS SELECT id, number FROM orders WHERE number > 10;
=== pg-drop-column-under-view: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, n int, note text);
INSERT INTO orders SELECT i, i, 'x' FROM generate_series(1, 20) i;
CREATE VIEW big AS SELECT id, n, note FROM orders WHERE n > 10;
---
DROP VIEW big;
ALTER TABLE orders DROP COLUMN note;
CREATE VIEW big AS SELECT id, n FROM orders WHERE n > 10;
