=== pg-newer-virtual-column: postgres since=180000
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users SELECT i, 'N' || i FROM generate_series(1, 30) i;
---
ALTER TABLE users ADD COLUMN note text;
-- migrate:phase expand
-- migrate:undo ALTER TABLE users DROP COLUMN slug
ALTER TABLE users ADD COLUMN slug text GENERATED ALWAYS AS (lower(name)) VIRTUAL;
CREATE INDEX users_note ON users (note);
=== pg-newer-constraints: postgres since=180000
CREATE EXTENSION btree_gist;
CREATE TABLE stays (id bigint PRIMARY KEY, room int, during daterange NOT NULL, note text);
CREATE TABLE rooms (id int, during daterange);
INSERT INTO stays SELECT i, i, daterange('2024-01-01', '2024-02-01'), 'n' FROM generate_series(1, 30) i;
---
-- migrate:phase contract
-- migrate:undo ALTER TABLE stays DROP CONSTRAINT stays_room_there
ALTER TABLE stays ADD CONSTRAINT stays_room_there NOT NULL room NOT VALID;
-- migrate:phase contract
-- migrate:undo ALTER TABLE stays DROP CONSTRAINT stays_once
ALTER TABLE stays ADD CONSTRAINT stays_once UNIQUE (room, during WITHOUT OVERLAPS);
-- migrate:phase expand
-- migrate:undo ALTER TABLE stays DROP CONSTRAINT stays_note
ALTER TABLE stays ADD CONSTRAINT stays_note CHECK (note <> '') NOT ENFORCED;
ALTER TABLE stays ADD COLUMN more text;
