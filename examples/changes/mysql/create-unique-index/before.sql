CREATE TABLE customers (
  id bigint PRIMARY KEY,
  email varchar(100)
);
INSERT INTO customers (id, email) VALUES (1, 'ada@example.com'), (2, 'grace@example.com'), (3, NULL), (4, NULL);
