A check that mentions a date, a time, an ENUM or a SET, which MySQL proves again by
copying the table whenever a column of it is renamed or defined anew.

=== my-rename-beside-dates: mysql mariadb
CREATE TABLE stays (id bigint PRIMARY KEY, arrives date, leaves date, room int NOT NULL, CONSTRAINT in_order CHECK (arrives < leaves));
INSERT INTO stays VALUES (1, '2020-02-29', '2020-03-01', 5), (2, NULL, NULL, 6);
---
ALTER TABLE stays DROP CONSTRAINT in_order;
ALTER TABLE stays RENAME COLUMN room TO number;
ALTER TABLE stays ADD CONSTRAINT in_order CHECK (arrives < leaves);
=== my-retype-beside-enum: mysql mariadb
CREATE TABLE stays (id bigint PRIMARY KEY, kind enum('a','b'), room int NOT NULL, CONSTRAINT known CHECK (kind = 'a'));
INSERT INTO stays VALUES (1, 'a', 5), (2, NULL, 6);
---
ALTER TABLE stays DROP CONSTRAINT known, MODIFY COLUMN room bigint, ADD CONSTRAINT known CHECK (kind = 'a');
=== my-drop-beside-set: mysql mariadb
CREATE TABLE stays (id bigint PRIMARY KEY, tags set('a','b'), room int NOT NULL, CONSTRAINT tagged CHECK (tags <> ''));
INSERT INTO stays VALUES (1, 'a', 5), (2, NULL, 6);
---
ALTER TABLE stays DROP CONSTRAINT tagged;
ALTER TABLE stays DROP COLUMN room;
=== my-restate-beside-dates: mysql mariadb
CREATE TABLE stays (id bigint PRIMARY KEY, arrives date, leaves date, room int NOT NULL, beds int, name varchar(20), tier varchar(30) NOT NULL, at datetime,
  CONSTRAINT in_order CHECK (arrives < leaves));
INSERT INTO stays VALUES (1, '2020-02-29', '2020-03-01', 5, 2, 'a', 'b', NULL), (2, NULL, NULL, 6, 3, NULL, 'c', NULL);
---
ALTER TABLE stays MODIFY COLUMN room int, MODIFY COLUMN beds int NOT NULL, MODIFY COLUMN name varchar(30);
ALTER TABLE stays MODIFY COLUMN tier varchar(30) NOT NULL COMMENT 'of comfort';
ALTER TABLE stays MODIFY COLUMN at datetime DEFAULT CURRENT_TIMESTAMP;
=== my-restate-unenforced: mysql
CREATE TABLE stays (id bigint PRIMARY KEY, arrives date, leaves date, room int NOT NULL, name varchar(20), CONSTRAINT in_order CHECK (arrives < leaves) NOT ENFORCED);
INSERT INTO stays VALUES (1, '2020-02-29', '2020-03-01', 5, 'a'), (2, NULL, NULL, 6, NULL);
---
ALTER TABLE stays RENAME COLUMN room TO number, MODIFY COLUMN name varchar(30);
=== my-rename-and-check-dates: mysql mariadb
CREATE TABLE stays (id bigint PRIMARY KEY, arrives timestamp NULL, room int NOT NULL, touched datetime);
INSERT INTO stays VALUES (1, '2020-02-29', 5, NULL), (2, NULL, 6, NULL);
---
ALTER TABLE stays ADD CONSTRAINT late CHECK (arrives > '2000-01-01');
ALTER TABLE stays RENAME COLUMN room TO number;
ALTER TABLE stays MODIFY COLUMN touched datetime ON UPDATE CURRENT_TIMESTAMP;
=== my-move-beside-dates: mysql mariadb
CREATE TABLE stays (id bigint PRIMARY KEY, arrives date, leaves date, room int NOT NULL, CONSTRAINT in_order CHECK (arrives < leaves));
INSERT INTO stays VALUES (1, '2020-02-29', '2020-03-01', 5), (2, NULL, NULL, 6);
---
ALTER TABLE stays MODIFY COLUMN room int NOT NULL AFTER id;
