CREATE TABLE orders (
  id bigint PRIMARY KEY,
  status varchar(20) NOT NULL
);
CREATE INDEX orders_status ON orders (status);
INSERT INTO orders (id, status) VALUES (1, 'new'), (2, 'paid');
