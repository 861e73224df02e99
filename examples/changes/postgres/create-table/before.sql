CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL
);
INSERT INTO customers (id, name) VALUES (1, 'Ada Lovelace'), (2, 'Grace Hopper');
