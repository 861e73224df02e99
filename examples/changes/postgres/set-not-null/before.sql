CREATE TABLE customers (
  id bigint PRIMARY KEY,
  email text
);
INSERT INTO customers (id, email) VALUES (1, 'ada@example.com'), (2, '');
