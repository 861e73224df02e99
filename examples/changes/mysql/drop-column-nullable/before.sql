CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name varchar(200) NOT NULL,
  fax varchar(40)
);
INSERT INTO customers (id, name, fax) VALUES (1, 'Ada Lovelace', '+44 1'), (2, 'Grace Hopper', NULL);
