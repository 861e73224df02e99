CREATE TABLE orders (
  id bigint PRIMARY KEY,
  status text NOT NULL DEFAULT 'new'
);
INSERT INTO orders (id) VALUES (1), (2);
