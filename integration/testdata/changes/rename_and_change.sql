Tables that get a new name and another shape in one file.

=== rename-table-and-add: postgres
CREATE TABLE posts (id bigint PRIMARY KEY, title varchar(100), old text NOT NULL);
CREATE INDEX posts_title ON posts (title);
INSERT INTO posts SELECT n, 't' || n, 'o' || n FROM generate_series(1, 30) n;
---
ALTER TABLE posts RENAME TO articles;
ALTER TABLE articles ADD COLUMN body text NOT NULL DEFAULT '', ADD COLUMN words int;
UPDATE articles SET words = length(title);
ALTER TABLE articles ALTER COLUMN words SET NOT NULL, ADD CONSTRAINT words_positive CHECK (words >= 0);
CREATE INDEX articles_words ON articles (words);
DROP INDEX posts_title;
INSERT INTO articles (id, title, old, words) VALUES (1, 'x', 'y', 1), (99, 'z', 'z', 1) ON CONFLICT (id) DO NOTHING;

=== rename-table-and-add-my: mysql mariadb
CREATE TABLE posts (id bigint PRIMARY KEY, title varchar(100), old varchar(20) NOT NULL) ENGINE=InnoDB;
CREATE INDEX posts_title ON posts (title);
INSERT INTO posts VALUES (1, 'a', 'o1'), (2, 'b', 'o2'), (3, 'spam', 'o3');
---
ALTER TABLE posts RENAME TO articles, ADD COLUMN body varchar(20) NOT NULL DEFAULT '';
ALTER TABLE articles ADD COLUMN words int;
UPDATE articles SET words = char_length(title);
ALTER TABLE articles MODIFY words int NOT NULL;
CREATE INDEX articles_words ON articles (words);
DROP INDEX posts_title ON articles;
INSERT INTO articles (id, title, old, words) VALUES (99, 'z', 'z', 1);

=== rename-table-and-replace: postgres
CREATE TABLE posts (id bigint PRIMARY KEY, old text NOT NULL);
INSERT INTO posts SELECT n, 'o' || n FROM generate_series(1, 30) n;
---
-- migrate:down articles.old = COALESCE(body, '')
ALTER TABLE posts RENAME TO articles;
ALTER TABLE articles ADD COLUMN body text;
UPDATE articles SET body = old;
ALTER TABLE articles DROP COLUMN old;

=== rename-table-and-replace-my: mysql mariadb
CREATE TABLE posts (id bigint PRIMARY KEY, old varchar(20) NOT NULL) ENGINE=InnoDB;
INSERT INTO posts VALUES (1, 'o1'), (2, 'o2');
---
-- migrate:down articles.old = COALESCE(body, '')
ALTER TABLE posts RENAME TO articles;
ALTER TABLE articles ADD COLUMN body varchar(20);
UPDATE articles SET body = old;
ALTER TABLE articles DROP COLUMN old;

=== widened-and-dropped: mysql mariadb
CREATE TABLE pages (id bigint PRIMARY KEY, title varchar(64) NOT NULL);
INSERT INTO pages VALUES (1, 'Ada');
---
ALTER TABLE pages MODIFY COLUMN title varchar(74) NOT NULL;
ALTER TABLE pages DROP COLUMN title;
