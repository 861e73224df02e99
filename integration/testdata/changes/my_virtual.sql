Virtual columns, which the servers add to a table in ways of their own.

=== my-add-virtual-beside-others: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL);
INSERT INTO t VALUES (1, 1), (2, 2);
---
ALTER TABLE t ADD COLUMN a int, ADD COLUMN twice int AS (n * 2) VIRTUAL, ADD COLUMN b int DEFAULT 5, ADD COLUMN more int AS (b + 1) VIRTUAL AFTER id;
=== my-add-virtual-and-retype: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL, m int NOT NULL);
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2);
---
ALTER TABLE t ADD COLUMN twice int AS (m * 2) VIRTUAL, MODIFY COLUMN n bigint NOT NULL;
=== my-add-virtual-beside-functional: mysql
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL, m int, KEY k ((m + 1)));
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2);
---
ALTER TABLE t ADD COLUMN twice int AS (n * 2) VIRTUAL;
=== my-add-virtual-before-virtual: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL, v int AS (n + 1) VIRTUAL);
INSERT INTO t (id, n) VALUES (1, 1), (2, 2);
---
ALTER TABLE t ADD COLUMN twice int AS (n * 2) VIRTUAL AFTER id, ADD COLUMN m int;
=== my-add-virtual-compressed: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL) ROW_FORMAT=COMPRESSED;
INSERT INTO t VALUES (1, 1), (2, 2);
---
ALTER TABLE t ADD COLUMN a int, ADD COLUMN twice int AS (n * 2) VIRTUAL;
