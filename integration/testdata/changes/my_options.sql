=== my-table-comment: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY) COMMENT 'before';
INSERT INTO users VALUES (1);
---
ALTER TABLE users COMMENT = 'it''s after';

=== my-row-format: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, a varchar(100));
INSERT INTO users VALUES (1, 'x');
---
ALTER TABLE users ROW_FORMAT = COMPACT;

=== my-stats: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
---
ALTER TABLE users STATS_PERSISTENT = 1, STATS_AUTO_RECALC = 0, STATS_SAMPLE_PAGES = 30;

=== my-auto-increment: mysql mariadb
CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, n int);
INSERT INTO users (n) VALUES (1);
---
ALTER TABLE users AUTO_INCREMENT = 1000;

=== my-default-charset: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20)) DEFAULT CHARACTER SET latin1;
INSERT INTO users VALUES (1, 'x');
---
ALTER TABLE users DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

=== my-default-charset-and-less: mysql
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20), old_one int) DEFAULT CHARACTER SET latin1;
INSERT INTO users VALUES (1, 'x', 2);
---
ALTER TABLE users DROP COLUMN old_one, DEFAULT COLLATE utf8mb4_bin;

=== my-default-charset-and-more: mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20), old_one int) DEFAULT CHARACTER SET latin1;
INSERT INTO users VALUES (1, 'x', 2);
---
ALTER TABLE users DROP COLUMN old_one, MODIFY name varchar(20) CHARACTER SET latin1 NOT NULL, DEFAULT COLLATE utf8mb4_bin;

=== my-convert-nothing: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT INTO users VALUES (1, 'x');
---
ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

=== my-engine-same: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO users VALUES (1, 'x');
---
ALTER TABLE users ENGINE = InnoDB;

=== my-force-and-optimize: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO users VALUES (1, 'x');
---
ALTER TABLE users FORCE;
OPTIMIZE TABLE users;
ANALYZE TABLE users;

=== my-add-partition: mysql mariadb
CREATE TABLE logs (id bigint NOT NULL, day int NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day) (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN (20));
INSERT INTO logs VALUES (1, 5), (2, 15);
---
ALTER TABLE logs ADD PARTITION (PARTITION p3 VALUES LESS THAN (30));
