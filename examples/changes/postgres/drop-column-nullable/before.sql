CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL,
  fax text
);
INSERT INTO customers (id, name, fax) VALUES (1, 'Ada Lovelace', '+44 1'), (2, 'Grace Hopper', NULL);
