A table whose rows a foreign key changes or deletes with their parent's: MariaDB does not
copy it beside its writers.

=== my-cascade-copies: mysql mariadb
CREATE TABLE parents (id bigint PRIMARY KEY);
CREATE TABLE kids (id bigint PRIMARY KEY, parent bigint, n int, words text, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO parents VALUES (1);
INSERT INTO kids VALUES (1, 1, 5, 'a'), (2, NULL, 6, 'b');
---
ALTER TABLE kids ADD CONSTRAINT positive CHECK (n > 0);
ALTER TABLE kids ADD COLUMN twice int AS (n * 2) STORED;
=== my-cascade-words: mysql mariadb
CREATE TABLE parents (id bigint PRIMARY KEY);
CREATE TABLE kids (id bigint PRIMARY KEY, parent bigint, words text, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO parents VALUES (1);
INSERT INTO kids VALUES (1, 1, 'a'), (2, NULL, 'b');
---
CREATE FULLTEXT INDEX by_words ON kids (words);
=== my-cascade-place: mysql mariadb
CREATE TABLE parents (id bigint PRIMARY KEY);
CREATE TABLE kids (id bigint PRIMARY KEY, parent bigint, n int, v int AS (n * 2) VIRTUAL, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id) ON UPDATE CASCADE ON DELETE SET NULL);
INSERT INTO parents VALUES (1);
INSERT INTO kids (id, parent, n) VALUES (1, 1, 5), (2, NULL, 6);
---
ALTER TABLE kids ADD COLUMN m int AFTER n;
