CREATE TABLE sessions (
  id bigint PRIMARY KEY,
  customer_id bigint NOT NULL
);
INSERT INTO sessions (id, customer_id) VALUES (1, 10), (2, 10), (3, 11);
