=== pg-enum-remade: postgres stays
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, m mood NOT NULL DEFAULT 'ok', other mood[], note text);
CREATE INDEX people_m ON people (m, note);
COMMENT ON COLUMN people.m IS 'how they are';
INSERT INTO people SELECT i, CASE i % 2 WHEN 0 THEN 'ok' ELSE 'happy' END::mood, CASE WHEN i % 3 > 0 THEN ARRAY['ok', NULL]::mood[] END FROM generate_series(1, 30) i;
---
ALTER TYPE mood RENAME TO mood_old;
-- migrate:allow enum-value-removed "nobody is sad"
CREATE TYPE mood AS ENUM ('ok', 'happy', 'great');
ALTER TABLE people ALTER COLUMN m DROP DEFAULT;
ALTER TABLE people ALTER COLUMN m TYPE mood USING m::text::mood, ALTER COLUMN other TYPE mood[] USING other::text[]::mood[];
ALTER TABLE people ALTER COLUMN m SET DEFAULT 'ok'::mood;
DROP TYPE mood_old;
=== pg-enum-remade-prisma: postgres
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN', 'ROOT');
CREATE TABLE "User" (id bigint PRIMARY KEY, role "Role" NOT NULL DEFAULT 'USER');
CREATE TABLE "Invite" (id bigint PRIMARY KEY, role "Role");
INSERT INTO "User" SELECT i, CASE i % 2 WHEN 0 THEN 'USER' ELSE 'ADMIN' END::"Role" FROM generate_series(1, 30) i;
INSERT INTO "Invite" SELECT i, 'USER' FROM generate_series(1, 30) i;
---
-- AlterEnum
BEGIN;
CREATE TYPE "Role_new" AS ENUM ('USER', 'ADMIN');
ALTER TABLE "User" ALTER COLUMN "role" DROP DEFAULT;
-- migrate:allow enum-value-removed "there is no root"
ALTER TABLE "User" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
-- migrate:allow enum-value-removed "there is no root"
ALTER TABLE "Invite" ALTER COLUMN "role" TYPE "Role_new" USING ("role"::text::"Role_new");
ALTER TYPE "Role" RENAME TO "Role_old";
ALTER TYPE "Role_new" RENAME TO "Role";
DROP TYPE "public"."Role_old";
ALTER TABLE "User" ALTER COLUMN "role" SET DEFAULT 'USER';
COMMIT;

-- AlterTable
ALTER TABLE "User" ADD COLUMN "name" TEXT;
=== pg-enum-remade-mapped: postgres stays
CREATE TYPE state AS ENUM ('draft', 'open', 'lost', 'closed');
CREATE TABLE orders (id bigint PRIMARY KEY, s state NOT NULL, t state DEFAULT 'open');
CREATE UNIQUE INDEX orders_s ON orders (s, id);
INSERT INTO orders SELECT i, (ARRAY['draft', 'open', 'lost', 'closed']::state[])[1 + i % 4], 'lost' FROM generate_series(1, 30) i;
---
CREATE TYPE state_new AS ENUM ('draft', 'open', 'closed');
UPDATE orders SET t = 'closed' WHERE t = 'lost';
-- migrate:allow enum-value-removed "lost orders are closed"
ALTER TABLE orders ALTER COLUMN t DROP DEFAULT, ALTER COLUMN t TYPE state_new USING t::text::state_new, ALTER COLUMN t SET DEFAULT 'open';
-- migrate:allow enum-value-removed "lost orders are closed"
ALTER TABLE orders ALTER COLUMN s TYPE state_new USING (CASE s WHEN 'lost' THEN 'closed' ELSE s::text END)::state_new;
DROP TYPE state;
ALTER TYPE state_new RENAME TO state;
=== pg-enum-remade-by-text: postgres
CREATE SCHEMA s;
CREATE TYPE s.level AS ENUM ('low', 'high');
CREATE TABLE s.alerts (id bigint PRIMARY KEY, l s.level);
INSERT INTO s.alerts SELECT i, 'low' FROM generate_series(1, 30) i;
---
ALTER TABLE s.alerts ALTER COLUMN l TYPE varchar(255);
DROP TYPE s.level;
-- migrate:allow enum-value-removed "nobody wrote it"
CREATE TYPE s.level AS ENUM ('low');
ALTER TABLE s.alerts ALTER COLUMN l TYPE s.level USING l::s.level;
=== pg-enum-remade-dependants: postgres
CREATE TYPE kind AS ENUM ('a', 'b', 'c');
CREATE TABLE things (id bigint PRIMARY KEY, n int, k kind NOT NULL DEFAULT 'a', CONSTRAINT things_k CHECK (k <> 'c'), CONSTRAINT things_n CHECK (k IS NOT NULL OR n > 0));
CREATE INDEX things_a ON things (n) WHERE k = 'a';
CREATE STATISTICS things_stats ON n, k FROM things;
INSERT INTO things SELECT i, i, 'a' FROM generate_series(1, 30) i;
---
ALTER TABLE things DROP CONSTRAINT things_k;
DROP INDEX things_a;
ALTER TYPE kind RENAME TO kind_old;
-- migrate:allow enum-value-removed "nobody wrote it"
CREATE TYPE kind AS ENUM ('a', 'b');
ALTER TABLE things ALTER COLUMN k DROP DEFAULT, ALTER COLUMN k TYPE kind USING k::text::kind, ALTER COLUMN k SET DEFAULT 'b';
DROP TYPE kind_old;
CREATE INDEX things_b ON things (n) WHERE k = 'a'::kind;
=== pg-enum-remade-mapped-by-directive: postgres
CREATE TYPE "Size" AS ENUM ('small', 'medium', 'large');
CREATE TABLE shirts (id bigint PRIMARY KEY, size "Size", sizes "Size"[]);
INSERT INTO shirts SELECT i, (ARRAY['small', 'medium', 'large']::"Size"[])[1 + i % 3], '{small,small}' FROM generate_series(1, 30) i;
---
-- migrate:up shirts.size = CASE size WHEN 'medium' THEN 'large' ELSE size END
ALTER TYPE "Size" RENAME TO "OldSize";
-- migrate:allow enum-value-removed "a medium is a small large"
CREATE TYPE "Size" AS ENUM ('large', 'small');
ALTER TABLE shirts ALTER COLUMN size TYPE "Size" USING (CASE size WHEN 'medium' THEN 'large' ELSE size::text END)::"Size",
	ALTER COLUMN sizes TYPE "Size"[] USING sizes::text[]::"Size"[];
