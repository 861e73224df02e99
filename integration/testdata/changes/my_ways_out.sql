=== my-add-column-references: mariadb mysql since=90000
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, at int);
INSERT INTO customers VALUES (1), (2);
INSERT INTO orders VALUES (1, 1), (2, 2);
---
ALTER TABLE orders ADD COLUMN customer_id bigint REFERENCES customers (id) ON DELETE SET NULL;
UPDATE orders SET customer_id = at;
=== my-modify-unique: mariadb mysql
CREATE TABLE orders (id bigint PRIMARY KEY, number int NOT NULL);
INSERT INTO orders VALUES (1, 1), (2, 2);
---
ALTER TABLE orders MODIFY COLUMN number int NOT NULL UNIQUE;
=== my-retype-checked: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 1, CONSTRAINT positive CHECK (hits > 0));
INSERT INTO pages VALUES (1, 5), (2, 6);
---
ALTER TABLE pages DROP CONSTRAINT positive;
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL DEFAULT 1;
ALTER TABLE pages ADD CONSTRAINT positive CHECK (hits > 0);
=== my-rename-checked: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 1, CONSTRAINT positive CHECK (hits > 0));
INSERT INTO pages VALUES (1, 5), (2, 6);
---
ALTER TABLE pages DROP CHECK positive, RENAME COLUMN hits TO visits, ADD CONSTRAINT positive CHECK (visits > 0);
=== my-retype-beside-functional: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40), n int, m int NOT NULL, KEY by_lower ((lower(title))));
INSERT INTO pages VALUES (1, 'Ada', 1, 1), (2, NULL, 2, 2);
---
ALTER TABLE pages MODIFY COLUMN n bigint, RENAME COLUMN m TO o;
=== my-retype-foreign-key: mysql mariadb
CREATE TABLE parents (id bigint PRIMARY KEY, code int NOT NULL, UNIQUE KEY by_code (code));
CREATE TABLE kids (id bigint PRIMARY KEY, code int, CONSTRAINT fk_code FOREIGN KEY (code) REFERENCES parents (code) ON DELETE SET NULL);
INSERT INTO parents VALUES (1, 10), (2, 20);
INSERT INTO kids VALUES (1, 10), (2, NULL);
---
ALTER TABLE kids DROP FOREIGN KEY fk_code;
ALTER TABLE kids MODIFY COLUMN code bigint;
ALTER TABLE parents MODIFY COLUMN code bigint NOT NULL;
ALTER TABLE kids ADD CONSTRAINT fk_code FOREIGN KEY (code) REFERENCES parents (code) ON DELETE SET NULL;
=== my-retype-foreign-key-of-itself: mysql mariadb
CREATE TABLE nodes (id bigint PRIMARY KEY, code int NOT NULL, parent int, UNIQUE KEY by_code (code), CONSTRAINT fk_parent FOREIGN KEY (parent) REFERENCES nodes (code));
INSERT INTO nodes VALUES (1, 10, NULL), (2, 20, 10);
---
ALTER TABLE nodes DROP FOREIGN KEY fk_parent;
ALTER TABLE nodes MODIFY COLUMN code bigint NOT NULL, MODIFY COLUMN parent bigint;
ALTER TABLE nodes ADD CONSTRAINT fk_parent FOREIGN KEY (parent) REFERENCES nodes (code);
=== my-index-redefined: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, a int, b int, KEY k (a), UNIQUE KEY u (a, b));
INSERT INTO pages VALUES (1, 1, 2), (2, NULL, 2);
---
DROP INDEX k ON pages;
CREATE INDEX k ON pages (a, b);
ALTER TABLE pages DROP INDEX u, ADD UNIQUE KEY u (b, a);
=== my-rename-functional: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40), n int, KEY by_lower ((lower(title))));
INSERT INTO pages VALUES (1, 'Ada', 1), (2, NULL, 2);
---
DROP INDEX by_lower ON pages;
ALTER TABLE pages RENAME COLUMN title TO headline;
CREATE INDEX by_lower ON pages ((lower(headline)));
=== my-retype-functional: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40), n int, KEY by_n ((n + 1)));
INSERT INTO pages VALUES (1, 'Ada', 1), (2, NULL, 2);
---
-- migrate:phase expand
DROP INDEX by_n ON pages;
ALTER TABLE pages MODIFY COLUMN n bigint;
CREATE UNIQUE INDEX by_n ON pages ((n + 1));
=== my-rename-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40), n int, FULLTEXT KEY by_title (title));
INSERT INTO pages VALUES (1, 'Ada wrote', 1), (2, NULL, 2);
---
ALTER TABLE pages RENAME COLUMN title TO headline;
=== my-retype-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(100), body text, FULLTEXT KEY by_title (title, body)) CHARSET utf8mb4;
INSERT INTO pages VALUES (1, 'Ada wrote', 'a book'), (2, NULL, 'another');
---
ALTER TABLE pages MODIFY COLUMN title text;
=== my-retype-beside-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40), n int, FULLTEXT KEY by_title (title));
INSERT INTO pages VALUES (1, 'Ada wrote', 1), (2, NULL, 2);
---
ALTER TABLE pages MODIFY COLUMN n bigint;
