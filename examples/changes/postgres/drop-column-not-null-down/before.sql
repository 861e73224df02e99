CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  initial text NOT NULL
);
INSERT INTO customers (id, name, initial) VALUES (1, 'Ada Lovelace', 'A'), (2, 'Grace Hopper', 'G');
