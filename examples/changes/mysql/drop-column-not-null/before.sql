CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name varchar(200) NOT NULL,
  legacy_code varchar(20) NOT NULL
);
INSERT INTO customers (id, name, legacy_code) VALUES (1, 'Ada Lovelace', 'A-1'), (2, 'Grace Hopper', 'G-2');
