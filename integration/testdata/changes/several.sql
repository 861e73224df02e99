=== add-two-columns-and-index
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(100) NOT NULL);
INSERT INTO people VALUES (1, 'Ada'), (2, 'Grace');
---
ALTER TABLE people ADD COLUMN city varchar(50), ADD COLUMN zip varchar(10);
CREATE INDEX people_city ON people (city);
