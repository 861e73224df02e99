=== pg-seed: postgres
CREATE TABLE roles (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, note text DEFAULT 'd');
CREATE TABLE settings (k text PRIMARY KEY, v jsonb);
INSERT INTO roles VALUES (1, 'user');
INSERT INTO settings VALUES ('a', '1');
---
INSERT INTO roles (id, name) VALUES (2, 'admin'), (3, 'owner');
INSERT INTO roles (id, name) VALUES (1, 'user'), (4, 'guest') ON CONFLICT DO NOTHING;
INSERT INTO settings AS s VALUES ('b', '{"x": 1}'), ('c', NULL) RETURNING k;

=== pg-seed-upsert: postgres norollback discard
CREATE TABLE settings (k text PRIMARY KEY, v int);
INSERT INTO settings VALUES ('a', 1);
---
INSERT INTO settings VALUES ('b', 2), ('c', 3) ON CONFLICT (k) DO UPDATE SET v = excluded.v;

=== pg-seed-select: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE, nick text);
INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 20) i;
---
WITH named AS (SELECT * FROM users WHERE name <> 'u3') INSERT INTO profiles (user_id, nick) SELECT id, upper(name) FROM named;
INSERT INTO profiles (user_id) VALUES (3);

=== pg-seed-without-key: postgres
CREATE TABLE log (at date, what json);
INSERT INTO log VALUES ('2026-01-01', '{"a": 1}');
---
INSERT INTO log VALUES ('2026-01-02', '{"b": 1}'), ('2026-01-03', NULL);

=== pg-seed-of-a-new-column: postgres discard
CREATE TABLE roles (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO roles VALUES (1, 'user');
---
ALTER TABLE roles ADD COLUMN rank int;
INSERT INTO roles (id, name, rank) VALUES (2, 'admin', 9);

=== pg-seed-of-a-referred-table: postgres discard
CREATE TABLE roles (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE members (id bigint PRIMARY KEY, role_id bigint REFERENCES roles ON DELETE CASCADE);
---
INSERT INTO roles VALUES (1, 'user');
INSERT INTO members VALUES (1, 1);

=== pg-create-and-seed: postgres
CREATE TABLE unrelated (id int);
---
CREATE TABLE colours (id serial PRIMARY KEY, name text NOT NULL UNIQUE, spec jsonb DEFAULT '{}');
INSERT INTO colours (name) VALUES ('red'), ('green');
INSERT INTO colours (name, spec) VALUES ('blue', '{"b": 1}') ON CONFLICT (name) DO NOTHING;

=== pg-delete: postgres
CREATE TABLE t (id bigint PRIMARY KEY, kind text);
INSERT INTO t SELECT i, CASE WHEN i % 3 = 0 THEN 'old' ELSE 'new' END FROM generate_series(1, 3000) i;
---
DELETE FROM t WHERE kind = 'old';

=== pg-delete-orphans: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE posts (id bigint PRIMARY KEY, user_id bigint);
INSERT INTO users VALUES (1), (2);
INSERT INTO posts SELECT i, i % 4 FROM generate_series(1, 200) i;
---
DELETE FROM posts WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = posts.user_id);
ALTER TABLE posts ADD FOREIGN KEY (user_id) REFERENCES users;

=== pg-delete-duplicates-then-unique: postgres
CREATE TABLE users (id bigint PRIMARY KEY, email text);
INSERT INTO users SELECT i, 'e' || i % 50 FROM generate_series(1, 200) i;
---
DELETE FROM users WHERE id NOT IN (SELECT min(id) FROM users GROUP BY email);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);

=== pg-delete-all: postgres
CREATE TABLE t (id bigint, kind text);
INSERT INTO t SELECT i, 'x' FROM generate_series(1, 300) i;
---
DELETE FROM t;

=== pg-truncate: postgres
CREATE TABLE a (id bigint PRIMARY KEY);
CREATE TABLE b (id bigserial PRIMARY KEY, a_id bigint REFERENCES a);
INSERT INTO a VALUES (1), (2);
INSERT INTO b (a_id) VALUES (1), (2);
---
-- migrate:allow data-loss-truncate "the import fills it again"
TRUNCATE b, a RESTART IDENTITY;
