CREATE TABLE products (
  id bigint PRIMARY KEY,
  price_cents integer
);
INSERT INTO products (id, price_cents) VALUES (1, 0), (2, 999), (3, NULL);
