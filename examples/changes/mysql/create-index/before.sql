CREATE TABLE orders (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL,
  placed_on date NOT NULL
);
INSERT INTO orders (id, customer_id, placed_on) VALUES
  (1, 10, '2024-01-01'), (2, 10, '2024-01-02'), (3, 11, '2024-01-02');
