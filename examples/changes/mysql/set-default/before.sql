CREATE TABLE orders (
  id bigint PRIMARY KEY,
  status varchar(20) NOT NULL
);
INSERT INTO orders (id, status) VALUES (1, 'new'), (2, 'paid');
