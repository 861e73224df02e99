=== pg-rename-table: postgres
CREATE TABLE posts (id bigserial PRIMARY KEY, title text NOT NULL DEFAULT 'untitled', upper text GENERATED ALWAYS AS (upper(title)) STORED, CHECK (title <> ''));
CREATE INDEX posts_title ON posts (title);
CREATE TABLE comments (id bigint PRIMARY KEY, post_id bigint REFERENCES posts);
CREATE VIEW titles AS SELECT id, title FROM posts;
INSERT INTO posts (title) VALUES ('one'), ('two');
INSERT INTO comments VALUES (1, 1);
COMMENT ON TABLE posts IS 'what people write';
---
ALTER TABLE posts RENAME TO articles;

=== pg-rename-table-grants: postgres
CREATE TABLE "Posts" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Title" text, secret text);
INSERT INTO "Posts" ("Title") VALUES ('one');
GRANT SELECT, INSERT ON "Posts" TO pg_monitor;
GRANT UPDATE ("Title"), SELECT (id) ON "Posts" TO pg_read_all_stats WITH GRANT OPTION;
GRANT SELECT ON "Posts" TO PUBLIC;
---
ALTER TABLE "Posts" RENAME TO "Articles";

=== pg-rename-table-rails: postgres
CREATE TABLE posts (id bigserial PRIMARY KEY, title text);
CREATE INDEX index_posts_on_title ON posts (title);
INSERT INTO posts (title) VALUES ('one'), ('two');
---
ALTER TABLE "posts" RENAME TO "articles";
ALTER TABLE "articles" RENAME CONSTRAINT "posts_pkey" TO "articles_pkey";
ALTER INDEX "index_posts_on_title" RENAME TO "index_articles_on_title";

=== pg-rename-table-row-security: postgres since=150000
CREATE TABLE posts (id bigint PRIMARY KEY, owner text);
ALTER TABLE posts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON posts USING (owner = current_user);
INSERT INTO posts VALUES (1, 'postgres');
---
ALTER TABLE posts RENAME TO articles;
