CREATE TABLE order_lines (
  id bigint PRIMARY KEY,
  quantity integer NOT NULL,
  price_cents integer
);
INSERT INTO order_lines (id, quantity, price_cents) VALUES (1, 1, 999), (2, 3, 2500), (3, 2, NULL);
