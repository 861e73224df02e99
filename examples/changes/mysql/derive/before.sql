CREATE TABLE order_lines (
  id bigint PRIMARY KEY,
  quantity int NOT NULL,
  price_cents int
);
INSERT INTO order_lines (id, quantity, price_cents) VALUES (1, 1, 999), (2, 3, 2500), (3, 2, NULL);
