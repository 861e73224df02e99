CREATE TABLE orders (
  id bigint PRIMARY KEY,
  status varchar(20) NOT NULL DEFAULT 'new'
);
INSERT INTO orders (id) VALUES (1), (2);
