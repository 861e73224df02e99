CREATE TABLE customers (
  id bigint PRIMARY KEY,
  mail varchar(200) NOT NULL DEFAULT 'nobody@example.com',
  phone varchar(40)
);
CREATE INDEX customers_phone ON customers (phone);
INSERT INTO customers (id, mail, phone) VALUES
  (1, 'ada@example.com', '+44 20 1'),
  (2, 'zoë@example.com', NULL);
