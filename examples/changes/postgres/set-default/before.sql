CREATE TABLE orders (
  id bigint PRIMARY KEY,
  status text NOT NULL
);
INSERT INTO orders (id, status) VALUES (1, 'new'), (2, 'paid');
