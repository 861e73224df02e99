CREATE TABLE customers (
  id bigint PRIMARY KEY,
  email varchar(200)
);
INSERT INTO customers (id, email) VALUES (1, 'ada@example.com'), (2, '');
