=== my-comment: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50) NOT NULL DEFAULT 'x');
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users MODIFY COLUMN name varchar(50) NOT NULL DEFAULT 'x' COMMENT 'the person''s name';

=== my-comment-and-widen: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50) NOT NULL COMMENT 'old');
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users MODIFY COLUMN name varchar(60) NULL COMMENT 'new';

=== my-comment-and-not-null: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users MODIFY COLUMN name varchar(50) NOT NULL COMMENT 'new';

=== my-comment-and-rename: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50) NOT NULL COMMENT 'old');
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users CHANGE COLUMN name full_name varchar(50) NOT NULL COMMENT 'new';

=== my-comment-and-type: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, n int NOT NULL COMMENT 'old');
INSERT INTO users VALUES (1, 5);
---
ALTER TABLE users MODIFY COLUMN n bigint NOT NULL COMMENT 'new';

=== my-on-update: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, changed datetime DEFAULT '2020-01-01');
INSERT INTO users VALUES (1, '2024-01-01');
---
ALTER TABLE users MODIFY COLUMN changed datetime DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP;

=== my-on-update-gone: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, changed timestamp NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP);
INSERT INTO users VALUES (1, '2024-01-01');
---
ALTER TABLE users MODIFY COLUMN changed timestamp NOT NULL DEFAULT '2020-01-01';

=== my-invisible-modify: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, legacy int);
INSERT INTO users VALUES (1, 4);
---
ALTER TABLE users MODIFY COLUMN legacy int INVISIBLE;

=== my-invisible-set: mysql
CREATE TABLE users (id bigint PRIMARY KEY, legacy int);
INSERT INTO users VALUES (1, 4);
---
ALTER TABLE users ALTER COLUMN legacy SET INVISIBLE;

=== my-visible-set: mysql
CREATE TABLE users (id bigint PRIMARY KEY, legacy int INVISIBLE);
INSERT INTO users (id, legacy) VALUES (1, 4);
---
ALTER TABLE users ALTER COLUMN legacy SET VISIBLE;

=== my-invisible-add: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
---
ALTER TABLE users ADD COLUMN legacy int INVISIBLE;

=== my-move-after: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, a int, b varchar(20) NOT NULL DEFAULT 'q', c int);
INSERT INTO users VALUES (1, 2, 'x', 3);
---
ALTER TABLE users MODIFY COLUMN b varchar(20) NOT NULL DEFAULT 'q' AFTER c;

=== my-move-first: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, a int, b varchar(20));
INSERT INTO users VALUES (1, 2, 'x');
---
ALTER TABLE users MODIFY b varchar(20) FIRST;

=== my-add-first-and-after: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, a int);
INSERT INTO users VALUES (1, 2);
---
ALTER TABLE users ADD COLUMN z int FIRST, ADD COLUMN y varchar(9) DEFAULT 'd' AFTER id;

=== my-generated-virtual: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, first varchar(20), last varchar(20));
INSERT INTO users VALUES (1, 'a', 'b');
---
ALTER TABLE users ADD COLUMN full varchar(41) GENERATED ALWAYS AS (CONCAT(first, ' ', last)) VIRTUAL;

=== my-generated-stored: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, a int);
INSERT INTO users VALUES (1, 4);
---
ALTER TABLE users ADD COLUMN twice int AS (a * 2) STORED COMMENT 'doubled';

=== my-generated-indexed: mysql mariadb
CREATE TABLE docs (id bigint PRIMARY KEY, body json);
INSERT INTO docs VALUES (1, '{"k": "v"}');
---
ALTER TABLE docs ADD COLUMN k varchar(20) AS (JSON_UNQUOTE(JSON_EXTRACT(body, '$.k'))) VIRTUAL;
CREATE INDEX docs_k ON docs (k);

=== my-identity-add: mysql mariadb
CREATE TABLE events (name varchar(20) NOT NULL, UNIQUE KEY n (name));
INSERT INTO events VALUES ('a'), ('b');
---
ALTER TABLE events ADD COLUMN id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;

=== my-default-set-and-drop: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, a int, b int DEFAULT 4);
INSERT INTO users VALUES (1, 2, 3);
---
ALTER TABLE users ALTER a SET DEFAULT 9, ALTER COLUMN b DROP DEFAULT;

=== my-many-clauses: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50), old_one int, email varchar(50), KEY users_name (name));
INSERT INTO users VALUES (1, 'a', 1, 'e');
---
ALTER TABLE users
  ADD COLUMN age int NOT NULL DEFAULT 0,
  ADD INDEX users_email (email),
  DROP INDEX users_name,
  MODIFY name varchar(80) NOT NULL,
  DROP COLUMN old_one,
  COMMENT = 'people',
  ADD UNIQUE KEY users_email_unique (email),
  ALGORITHM = DEFAULT, LOCK = SHARED;

=== my-several-on-one: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO users VALUES (1, 'a'), (2, NULL);
---
ALTER TABLE users ADD COLUMN slug varchar(60);
UPDATE users SET slug = LOWER(COALESCE(name, 'none'));
ALTER TABLE users MODIFY slug varchar(60) NOT NULL;
ALTER TABLE users ADD CONSTRAINT users_slug UNIQUE (slug);

=== my-wait-and-nocopy: mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
---
ALTER ONLINE TABLE users WAIT 5 ADD COLUMN a int;
ALTER TABLE users ADD COLUMN b int, ALGORITHM=NOCOPY, LOCK=NONE;
