=== pg-type-narrower-varchar: postgres
CREATE TABLE pages (id bigint PRIMARY KEY, slug varchar(200) NOT NULL UNIQUE DEFAULT 'none', title text CHECK (title <> ''), note varchar);
CREATE INDEX ON pages (lower(slug));
INSERT INTO pages SELECT i, 's' || i, 't ' || i, 'n' || i || '          ' FROM generate_series(1, 30) i;
---
-- migrate:allow data-loss-narrowing-type "none is longer"
ALTER TABLE pages ALTER COLUMN slug TYPE varchar(50), ALTER COLUMN title TYPE varchar(20), ALTER COLUMN note TYPE varchar(5);
=== pg-type-narrower-int: postgres
CREATE TABLE counts (id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 0 UNIQUE CHECK (n >= 0), m int);
INSERT INTO counts SELECT i, i, i FROM generate_series(1, 30) i;
---
-- migrate:allow data-loss-narrowing-type "all are small"
ALTER TABLE counts ALTER COLUMN n TYPE int, ALTER COLUMN m TYPE smallint;
=== pg-type-numeric: postgres
CREATE TABLE prices (id bigint PRIMARY KEY, a numeric(10,2) NOT NULL DEFAULT 1.50 UNIQUE, b numeric(12,4), c numeric, d numeric(10,2));
CREATE INDEX ON prices (b DESC) WHERE b > 1;
INSERT INTO prices SELECT i, i + 0.25, i + 0.5, i, i + 0.75 FROM generate_series(1, 30) i;
INSERT INTO prices VALUES (100, 'NaN', 'NaN', NULL, 99999999.99);
---
-- migrate:allow data-loss-narrowing-type "two decimals are all that anybody wrote"
ALTER TABLE prices ALTER COLUMN a TYPE numeric(12,4), ALTER COLUMN b TYPE numeric(10,2), ALTER COLUMN c TYPE numeric(8,0), ALTER COLUMN d TYPE numeric(14,2);
=== pg-type-json: postgres since=160000
CREATE TABLE docs (id bigint PRIMARY KEY, body json NOT NULL DEFAULT '{}', extra json);
INSERT INTO docs SELECT i, json_build_object('b', i, 'a', array[1, 2]), NULL FROM generate_series(1, 30) i;
INSERT INTO docs VALUES (100, '{"a": 1,  "a": 2.50}', '"x"');
---
ALTER TABLE docs ALTER COLUMN body TYPE jsonb USING body::jsonb, ALTER COLUMN extra SET DATA TYPE jsonb;
=== pg-type-collation: postgres
CREATE TABLE words (id bigint PRIMARY KEY, w text NOT NULL UNIQUE, v varchar(10) COLLATE "C", free text CHECK (free <> 'x'));
CREATE INDEX ON words (v DESC, w);
INSERT INTO words SELECT i, 'w' || i, 'v' || i, 'f' FROM generate_series(1, 30) i;
---
ALTER TABLE words ALTER COLUMN w TYPE text COLLATE "C", ALTER COLUMN v TYPE varchar(20), ALTER COLUMN free TYPE text COLLATE "POSIX";
=== pg-type-longer-varchar-of-expression-index: postgres
CREATE TABLE people (id bigint PRIMARY KEY, email varchar(50) NOT NULL UNIQUE, name varchar(50));
CREATE UNIQUE INDEX people_email ON people (lower(email));
CREATE INDEX people_name ON people (name varchar_pattern_ops) WHERE name IS NOT NULL;
INSERT INTO people SELECT i, 'e' || i, 'n' || i FROM generate_series(1, 30) i;
---
ALTER TABLE people ALTER COLUMN email TYPE varchar(255), ALTER COLUMN name TYPE text;
=== pg-type-free: postgres
CREATE DOMAIN label AS varchar(20);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE mixed (id bigint PRIMARY KEY, a varchar(20) UNIQUE CHECK (a <> '' AND length(a) < 100), b varbit(5), c timestamp(3), d interval(2), e label, f positive, g cidr, h varchar(10));
CREATE TABLE others (a varchar(30) REFERENCES mixed (a));
COMMENT ON CONSTRAINT mixed_a_check ON mixed IS 'not empty';
INSERT INTO mixed SELECT i, 'a' || i, '101', '2024-02-29 12:00:00.123', '1.5 seconds', 'e', i, '10.0.0.0/8', 'h' FROM generate_series(1, 30) i;
INSERT INTO others VALUES ('a1');
---
ALTER TABLE mixed ALTER COLUMN a TYPE varchar(40), ALTER COLUMN b TYPE varbit, ALTER COLUMN c TYPE timestamp(6), ALTER COLUMN d TYPE interval,
	ALTER COLUMN e TYPE text, ALTER COLUMN f TYPE int, ALTER COLUMN g TYPE inet, ALTER COLUMN h TYPE label;
=== pg-type-small-steps: postgres
CREATE TABLE levels (id bigint PRIMARY KEY, a smallint NOT NULL DEFAULT 3, b smallint, c real);
CREATE INDEX ON levels (a, b, c);
INSERT INTO levels SELECT i, i, -i, i / 3.0 FROM generate_series(1, 30) i;
---
ALTER TABLE levels ALTER COLUMN a TYPE int USING a::int, ALTER COLUMN b TYPE bigint, ALTER COLUMN c TYPE double precision USING c::float8;
