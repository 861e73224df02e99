CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  legacy_code text NOT NULL
);
INSERT INTO customers (id, name, legacy_code) VALUES (1, 'Ada Lovelace', 'A-1'), (2, 'Grace Hopper', 'G-2');
