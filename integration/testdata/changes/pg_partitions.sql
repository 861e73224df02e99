=== pg-partitioned-index: postgres
CREATE TABLE m (id bigint, at date NOT NULL, city text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST (city);
CREATE TABLE m_2_a PARTITION OF m_2 FOR VALUES IN ('a', 'b');
CREATE TABLE m_2_x PARTITION OF m_2 DEFAULT;
INSERT INTO m SELECT i, '2026-01-20'::date + i % 25, chr(97 + i % 3) FROM generate_series(1, 200) i;
---
CREATE INDEX m_city ON m (city, at DESC);
CREATE INDEX ON m (id) WHERE city <> 'z';
CREATE INDEX m_upper ON m (upper(city));

=== pg-partitioned-drop-index: postgres
CREATE TABLE m (id bigint, at date NOT NULL, city text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE INDEX m_city ON m (city);
---
DROP INDEX m_city;

=== pg-partitioned-keys: postgres
CREATE TABLE m (id bigint, at date NOT NULL, city text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO m SELECT i, '2026-01-20'::date + i % 25, chr(97 + i % 3) FROM generate_series(1, 200) i;
---
ALTER TABLE m ADD PRIMARY KEY (id, at);
ALTER TABLE m ADD CONSTRAINT m_once UNIQUE (at, city, id);

=== pg-partitioned-foreign-key: postgres
CREATE TABLE cities (id bigint PRIMARY KEY);
CREATE TABLE m (id bigint, at date NOT NULL, city bigint) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO cities VALUES (1), (2), (3);
INSERT INTO m SELECT i, '2026-01-20'::date + i % 25, i % 3 + 1 FROM generate_series(1, 200) i;
---
ALTER TABLE m ADD CONSTRAINT m_city FOREIGN KEY (city) REFERENCES cities ON DELETE CASCADE;

=== pg-partitioned-columns: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text, city text CHECK (city <> ''), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO m SELECT i, '2026-01-20'::date + i % 25, 'N' || i, 'x' FROM generate_series(1, 200) i;
---
ALTER TABLE m ADD COLUMN plain int DEFAULT 5, ADD COLUMN lowered text;
UPDATE m SET lowered = lower(name);
ALTER TABLE m ALTER COLUMN lowered SET NOT NULL, ALTER COLUMN city SET NOT NULL, ALTER COLUMN city SET DEFAULT 'y';
ALTER TABLE m ADD CONSTRAINT lowered_there CHECK (lowered <> '');
CREATE INDEX m_lowered ON m (lowered);

=== pg-partitioned-rename-drop-column: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text, city text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE INDEX m_name ON m (name);
INSERT INTO m SELECT i, '2026-01-20'::date + i % 25, 'N' || i, 'x' FROM generate_series(1, 200) i;
---
ALTER TABLE m RENAME COLUMN name TO title;
ALTER TABLE m DROP COLUMN city;

=== pg-partitioned-delete: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO m SELECT i, '2026-01-20'::date + i % 25, CASE WHEN i % 5 > 0 THEN 'N' END FROM generate_series(1, 2000) i;
---
DELETE FROM m WHERE id % 7 = 0;

=== pg-partitioned-rename: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO m VALUES (1, '2026-01-02', 'a');
---
ALTER TABLE m RENAME TO measurements;

=== pg-create-partitioned: postgres
CREATE TABLE unrelated (id int);
---
CREATE TABLE m (id bigint, at date NOT NULL, name text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_rest PARTITION OF m DEFAULT;
INSERT INTO m VALUES (1, '2026-01-02', 'a'), (2, '2027-01-02', 'b');

=== pg-create-partition: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
---
CREATE TABLE m_2 PARTITION OF m FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');

=== pg-attach-partition: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text) PARTITION BY RANGE (at);
CREATE TABLE m_1 (id bigint, at date NOT NULL, name text);
INSERT INTO m_1 SELECT i, '2026-01-01'::date + i % 25, 'N' FROM generate_series(1, 200) i;
CREATE TABLE l (id bigint, kind text NOT NULL) PARTITION BY LIST (kind);
CREATE TABLE l_1 (id bigint, kind text NOT NULL);
INSERT INTO l_1 VALUES (1, 'a'), (2, 'b''c');
---
ALTER TABLE m ATTACH PARTITION m_1 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
ALTER TABLE l ATTACH PARTITION l_1 FOR VALUES IN ('a', 'b''c');

=== pg-attach-partition-unproved: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text) PARTITION BY HASH (id);
CREATE TABLE m_1 (id bigint, at date NOT NULL, name text);
---
-- migrate:allow partition-attach-scans "it is empty"
ALTER TABLE m ATTACH PARTITION m_1 FOR VALUES WITH (modulus 2, remainder 0);

=== pg-detach-partition: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
INSERT INTO m VALUES (1, '2026-01-02', 'a');
CREATE TABLE h (id bigint) PARTITION BY HASH (id);
CREATE TABLE h_1 PARTITION OF h FOR VALUES WITH (modulus 2, remainder 0);
---
ALTER TABLE m DETACH PARTITION m_1;
ALTER TABLE h DETACH PARTITION h_1;

=== pg-detach-partition-beside-default: postgres
CREATE TABLE m (id bigint, at date NOT NULL, name text) PARTITION BY RANGE (at);
CREATE TABLE m_1 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE m_rest PARTITION OF m DEFAULT;
---
ALTER TABLE m DETACH PARTITION m_1;
