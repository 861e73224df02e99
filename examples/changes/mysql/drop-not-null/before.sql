CREATE TABLE customers (
  id bigint PRIMARY KEY,
  phone varchar(40) NOT NULL
);
INSERT INTO customers (id, phone) VALUES (1, '+44 20 1'), (2, '');
