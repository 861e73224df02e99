=== my-type-unsigned-to-bigint: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int unsigned NOT NULL DEFAULT 4000000000, KEY by_n (n));
INSERT INTO t (id, n) VALUES (1, 0), (2, 4294967295);
---
ALTER TABLE t MODIFY COLUMN n bigint NOT NULL DEFAULT 4000000000;
=== my-type-smallint-to-int-unique: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n smallint, UNIQUE KEY by_n (n));
INSERT INTO t (id, n) VALUES (1, 0), (2, -32768), (3, NULL);
---
ALTER TABLE t MODIFY COLUMN n int;
=== my-type-decimal: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, price decimal(10,2) NOT NULL DEFAULT 1.50, KEY by_price (price DESC));
INSERT INTO t (id, price) VALUES (1, 0), (2, 99999999.99), (3, -0.01);
---
ALTER TABLE t MODIFY COLUMN price decimal(14,2) NOT NULL DEFAULT 1.50;
=== my-type-decimal-scale: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, price decimal(10,2));
INSERT INTO t (id, price) VALUES (1, 0), (2, 99999999.99), (3, NULL);
---
ALTER TABLE t MODIFY COLUMN price decimal(12,4);
=== my-type-varchar-to-text: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, note varchar(20) NOT NULL COMMENT 'a note', after_it int);
INSERT INTO t (id, note) VALUES (1, ''), (2, 'Zoë 日本 😀'), (3, 'trailing ');
---
ALTER TABLE t MODIFY COLUMN note text NOT NULL COMMENT 'a note';
=== my-type-text-to-longtext: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, note text, KEY by_note (note(20)));
INSERT INTO t (id, note) VALUES (1, ''), (2, 'Zoë 日本 😀'), (3, NULL);
---
ALTER TABLE t MODIFY COLUMN note longtext;
=== my-type-blob-to-longblob: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, body blob NOT NULL);
INSERT INTO t (id, body) VALUES (1, ''), (2, x'00ff0a');
---
ALTER TABLE t MODIFY COLUMN body longblob NOT NULL;
=== my-type-char-to-varchar: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, code char(5) NOT NULL DEFAULT 'x', UNIQUE KEY by_code (code));
INSERT INTO t (id, code) VALUES (1, 'ab'), (2, 'äöüßx');
---
ALTER TABLE t MODIFY COLUMN code varchar(20) NOT NULL DEFAULT 'x';
=== my-type-datetime-precision: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, seen datetime NOT NULL, KEY by_seen (seen));
INSERT INTO t (id, seen) VALUES (1, '2020-02-29 23:59:59'), (2, '9999-12-31 23:59:59');
---
ALTER TABLE t MODIFY COLUMN seen datetime(6) NOT NULL;
=== my-type-datetime-on-update: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int, seen datetime NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, made datetime NOT NULL DEFAULT '2020-01-01 00:00:00');
INSERT INTO t (id, seen) VALUES (1, '2020-02-29 23:59:59'), (2, NULL);
---
ALTER TABLE t MODIFY COLUMN n bigint, MODIFY COLUMN seen datetime NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP;
=== my-type-time: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, at_time time);
INSERT INTO t (id, at_time) VALUES (1, '-838:59:59'), (2, NULL), (3, '10:00:00');
---
ALTER TABLE t MODIFY COLUMN at_time time(3);
=== my-type-enum-append: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, kind enum('a','b') NOT NULL DEFAULT 'a');
INSERT INTO t (id, kind) VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE t MODIFY COLUMN kind enum('a','b','c') NOT NULL DEFAULT 'a';
=== my-type-enum-insert: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, kind enum('small','large') NOT NULL DEFAULT 'large', KEY by_kind (kind, id));
INSERT INTO t (id, kind) VALUES (1, 'small'), (2, 'large');
---
ALTER TABLE t MODIFY COLUMN kind enum('small','medium','large') NOT NULL DEFAULT 'large';
=== my-type-enum-to-varchar: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, kind enum('small','it''s large'), KEY by_kind (kind));
INSERT INTO t (id, kind) VALUES (1, 'small'), (2, 'it''s large'), (3, NULL);
---
ALTER TABLE t MODIFY COLUMN kind varchar(30);
=== my-type-set-insert: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, tags set('a','c') NOT NULL DEFAULT 'a,c');
INSERT INTO t (id, tags) VALUES (1, 'a'), (2, 'a,c'), (3, '');
---
ALTER TABLE t MODIFY COLUMN tags set('a','b','c') NOT NULL DEFAULT 'a,c';
=== my-type-charset: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL DEFAULT 'ü', KEY by_name (name)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO t (id, name) VALUES (1, 'Zoë'), (2, ''), (3, 'trailing ');
---
ALTER TABLE t MODIFY COLUMN name varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL DEFAULT 'ü';
=== my-type-utf8mb3-longer: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO t (id, name) VALUES (1, 'Zoë 日本'), (2, NULL);
---
ALTER TABLE t MODIFY COLUMN name varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
=== my-type-collation: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20) NOT NULL, KEY by_name (name)) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO t (id, name) VALUES (1, 'Zoë'), (2, 'zoe');
---
ALTER TABLE t MODIFY COLUMN name varchar(20) COLLATE utf8mb4_bin NOT NULL;
=== my-type-and-null-and-default: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL);
INSERT INTO t (id, n) VALUES (1, 5), (2, 6);
---
ALTER TABLE t MODIFY COLUMN n bigint NULL DEFAULT 5;
=== my-type-mediumint: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n mediumint unsigned ZEROFILL, m mediumint);
INSERT INTO t (id, n, m) VALUES (1, 5, -8388608), (2, 6, NULL);
---
ALTER TABLE t MODIFY COLUMN m int, ADD COLUMN k int AFTER m;
=== my-type-on-update-moves: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int, seen datetime(3) DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3));
INSERT INTO t (id, seen) VALUES (1, '2020-02-29 23:59:59'), (2, NULL);
---
ALTER TABLE t MODIFY COLUMN n bigint, RENAME COLUMN seen TO seen_at;
=== my-type-timed: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int, seen datetime NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP COMMENT 'x', made int);
INSERT INTO t (id, seen) VALUES (1, '2020-02-29 23:59:59'), (2, NULL);
---
ALTER TABLE t MODIFY COLUMN seen datetime(3) NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3) COMMENT 'y';
