CREATE TABLE products (
  id bigint PRIMARY KEY,
  title varchar(20) NOT NULL
);
INSERT INTO products (id, title) VALUES (1, 'Lamp'), (2, 'exactly twenty chars');
