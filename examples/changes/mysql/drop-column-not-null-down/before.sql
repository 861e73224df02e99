CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name varchar(200) NOT NULL,
  initial varchar(1) NOT NULL
);
INSERT INTO customers (id, name, initial) VALUES (1, 'Ada Lovelace', 'A'), (2, 'Grace Hopper', 'G');
