=== my-retype-indexes: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 0, site int NOT NULL, title varchar(40),
  UNIQUE KEY by_site (site, hits), KEY by_hits (hits DESC), KEY by_title_hits (title(8), hits), KEY by_hits_site (hits, site DESC));
INSERT INTO pages (id, hits, site, title) VALUES (1, 5, 1, 'a'), (2, 6, 1, NULL), (3, 5, 2, 'c');
---
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL DEFAULT 0;
=== my-retype-invisible-index: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, hits int, KEY by_hits (hits) INVISIBLE, KEY plain (hits) COMMENT 'seen');
INSERT INTO pages (id, hits) VALUES (1, 5), (2, NULL);
---
ALTER TABLE pages MODIFY COLUMN hits bigint;
=== my-retype-ignored-index: mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int, KEY by_hits (hits) IGNORED, KEY plain (hits) COMMENT 'seen');
INSERT INTO pages (id, hits) VALUES (1, 5), (2, NULL);
---
ALTER TABLE pages MODIFY COLUMN hits bigint;
=== my-retype-prefix-index: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40) NOT NULL, n int, KEY by_title (title(10)), UNIQUE KEY both_of (n, title(5) DESC)) DEFAULT CHARSET=utf8mb4;
INSERT INTO pages (id, title, n) VALUES (1, 'Ada', 1), (2, 'ada', 2), (3, 'Zoë', 1);
---
ALTER TABLE pages MODIFY COLUMN title varchar(300) NOT NULL;
=== my-retype-under-view: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL);
CREATE VIEW popular AS SELECT id, hits FROM pages WHERE hits > 10;
INSERT INTO pages (id, hits) VALUES (1, 5), (2, 60);
---
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL;
=== my-retype-under-trigger: mysql mariadb
CREATE TABLE log (id bigint AUTO_INCREMENT PRIMARY KEY, hits bigint);
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL);
CREATE TRIGGER logs AFTER INSERT ON pages FOR EACH ROW INSERT INTO log (hits) VALUES (NEW.hits);
INSERT INTO pages (id, hits) VALUES (1, 5), (2, 60);
---
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL;
=== my-retype-own-trigger: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL, twice bigint);
CREATE TRIGGER doubles BEFORE INSERT ON pages FOR EACH ROW SET NEW.twice = NEW.hits * 2, NEW.hits = COALESCE(NEW.hits, 0);
INSERT INTO pages (id, hits) VALUES (1, 5), (2, 60);
---
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL;
=== my-retype-comment-and-place: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 7 COMMENT 'it''s \\ a "count"', note text, more int INVISIBLE DEFAULT 3);
INSERT INTO pages (id, hits, note) VALUES (1, 5, 'x'), (2, 60, 'y');
---
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL DEFAULT 7 COMMENT 'it''s \\ a "count"';
=== my-retype-float: mysql mariadb
CREATE TABLE rates (id bigint PRIMARY KEY, rate float NOT NULL DEFAULT 1.5, KEY by_rate (rate));
INSERT INTO rates (id, rate) VALUES (1, 0.5), (2, 1024), (3, -3.25);
---
ALTER TABLE rates MODIFY COLUMN rate double NOT NULL DEFAULT 1.5;
=== my-retype-two-of-one-index: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL, visits int, KEY both_of (visits, hits), UNIQUE KEY other (hits, id));
INSERT INTO pages (id, hits, visits) VALUES (1, 5, 6), (2, 60, NULL);
---
ALTER TABLE pages MODIFY COLUMN hits bigint NOT NULL, MODIFY COLUMN visits bigint;
=== my-rename-indexed: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(40) NOT NULL, hits int, UNIQUE KEY by_title (title), KEY by_hits (hits, title(4) DESC));
INSERT INTO pages (id, title, hits) VALUES (1, 'a', 1), (2, 'b', 2);
---
ALTER TABLE pages RENAME COLUMN title TO headline;
=== my-rename-foreign-key-column: mysql mariadb
CREATE TABLE parents (id bigint PRIMARY KEY);
CREATE TABLE kids (id bigint PRIMARY KEY, parent bigint NOT NULL, CONSTRAINT fk_parent FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO parents VALUES (1), (2);
INSERT INTO kids VALUES (1, 1), (2, 2);
---
ALTER TABLE kids RENAME COLUMN parent TO parent_id;
=== my-rename-referenced-column: mysql mariadb
CREATE TABLE parents (id bigint PRIMARY KEY, code varchar(10) NOT NULL, UNIQUE KEY by_code (code));
CREATE TABLE kids (id bigint PRIMARY KEY, code varchar(10), CONSTRAINT fk_code FOREIGN KEY (code) REFERENCES parents (code));
INSERT INTO parents VALUES (1, 'x'), (2, 'y');
INSERT INTO kids VALUES (1, 'x'), (2, NULL);
---
ALTER TABLE parents RENAME COLUMN code TO short_code;
=== my-rename-checked-column: mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL, top int, CONSTRAINT positive CHECK (hits > 0), CONSTRAINT below CHECK (hits < top));
INSERT INTO pages VALUES (1, 1, 5), (2, 2, 6);
---
ALTER TABLE pages RENAME COLUMN hits TO visits;
=== my-rename-under-generated: mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL, twice int AS (hits * 2), thrice int AS (hits * 3) STORED);
INSERT INTO pages (id, hits) VALUES (1, 1), (2, 2);
---
ALTER TABLE pages RENAME COLUMN hits TO visits;
=== my-rename-on-update: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, changed datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3) COMMENT 'when');
INSERT INTO pages (id, changed) VALUES (1, '2020-01-01 10:00:00.5'), (2, NULL);
---
ALTER TABLE pages RENAME COLUMN changed TO changed_at;
=== my-rename-invisible: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL DEFAULT 4 INVISIBLE);
INSERT INTO pages (id, hits) VALUES (1, 1), (2, 2);
---
ALTER TABLE pages RENAME COLUMN hits TO visits;
=== my-drop-indexed: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL, title varchar(9), KEY by_hits (hits), KEY by_title_hits (title, hits), KEY by_hits_title (hits, title DESC));
INSERT INTO pages (id, hits, title) VALUES (1, 1, 'x'), (2, 2, NULL);
---
ALTER TABLE pages DROP COLUMN hits;
=== my-drop-unique: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, code varchar(9), UNIQUE KEY by_code (code));
INSERT INTO pages (id, code) VALUES (1, 'x'), (2, NULL);
---
ALTER TABLE pages DROP COLUMN code;
=== my-drop-unique-not-null: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, code varchar(9) NOT NULL, UNIQUE KEY by_code (code));
INSERT INTO pages (id, code) VALUES (1, 'x'), (2, 'y');
---
ALTER TABLE pages DROP COLUMN code;
=== my-drop-unique-of-several: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, code varchar(9) NOT NULL, site int, UNIQUE KEY by_code (code, site));
INSERT INTO pages (id, code, site) VALUES (1, 'x', 1), (2, 'x', 2);
---
DROP INDEX by_code ON pages;
ALTER TABLE pages DROP COLUMN site;
=== my-drop-checked: mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, hits int NOT NULL, CONSTRAINT positive CHECK (hits > 0));
INSERT INTO pages (id, hits) VALUES (1, 1), (2, 2);
---
ALTER TABLE pages DROP COLUMN hits;
=== my-drop-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title text, body text, n int, FULLTEXT KEY by_title (title), KEY by_n (n));
INSERT INTO pages (id, title, body, n) VALUES (1, 'x', 'y', 1), (2, 'z', NULL, 2);
---
-- migrate:allow lock-not-none "a small table"
ALTER TABLE pages DROP COLUMN title;
=== my-drop-not-null-down: mysql mariadb
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(60) NOT NULL, first_name varchar(30) NOT NULL, last_name varchar(30) NOT NULL);
INSERT INTO people VALUES (1, 'Ada Lovelace', 'Ada', 'Lovelace');
---
-- migrate:down people.name = concat(first_name, ' ', last_name)
ALTER TABLE people DROP COLUMN name;
=== my-add-under-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, body text, FULLTEXT KEY by_body (body));
INSERT INTO pages (id, body) VALUES (1, 'y'), (2, NULL);
---
-- migrate:allow lock-not-none "a small table"
ALTER TABLE pages ADD COLUMN title varchar(20);
=== my-drop-after-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, body text, n int, FULLTEXT KEY by_body (body));
ALTER TABLE pages DROP INDEX by_body;
INSERT INTO pages (id, body) VALUES (1, 'y'), (2, NULL);
---
ALTER TABLE pages ADD COLUMN title varchar(20) FIRST, DROP COLUMN n;
=== my-not-null-under-words: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, body text, n int, FULLTEXT KEY by_body (body));
INSERT INTO pages (id, body, n) VALUES (1, 'y', 1), (2, NULL, 2);
---
-- migrate:allow lock-not-none "a small table"
ALTER TABLE pages MODIFY COLUMN n int NOT NULL;
=== my-words-index-dropped: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, body text, n int, FULLTEXT KEY by_body (body));
INSERT INTO pages (id, body, n) VALUES (1, 'y', 1), (2, NULL, 2);
---
DROP INDEX by_body ON pages;
=== my-functional-index-dropped: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, body varchar(20), n int, KEY by_body ((lower(body)), n));
INSERT INTO pages (id, body, n) VALUES (1, 'y', 1), (2, NULL, 2);
---
DROP INDEX by_body ON pages;
=== my-functional-index-added: mysql
CREATE TABLE pages (id bigint PRIMARY KEY, body varchar(20), n int);
INSERT INTO pages (id, body, n) VALUES (1, 'y', 1), (2, NULL, 2);
---
-- migrate:allow lock-not-none "a small table"
CREATE INDEX by_body ON pages ((lower(body)), n);
=== my-drop-texts-with-down: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, note text NOT NULL, doc json NOT NULL, b blob NOT NULL, words varchar(20) NOT NULL);
INSERT INTO t (id, note, doc, b, words) VALUES (1, 'x', '{}', 'x', 'x');
---
-- migrate:down t.note = concat(words, '')
-- migrate:down t.doc = json_object('words', words)
-- migrate:down t.b = concat(words, '')
ALTER TABLE t DROP COLUMN note, DROP COLUMN doc, DROP COLUMN b;
=== my-retype-and-add-behind: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, c int);
INSERT INTO t (id, a, b, c) VALUES (1, 2, 3, 4);
---
ALTER TABLE t MODIFY COLUMN a bigint, ADD COLUMN a1 int AFTER a, ADD COLUMN a2 int AFTER a1, RENAME COLUMN b TO bb, ADD COLUMN z int FIRST;
=== my-retype-unique-not-null: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL, UNIQUE KEY by_n (n));
INSERT INTO t (id, n) VALUES (1, 2), (2, 3);
---
ALTER TABLE t MODIFY COLUMN n bigint NOT NULL;
