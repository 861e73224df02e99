CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name varchar(200) NOT NULL
);
CREATE TABLE newsletter (
  email varchar(200) PRIMARY KEY,
  subscribed_at datetime
);
INSERT INTO customers (id, name) VALUES (1, 'Ada Lovelace');
INSERT INTO newsletter (email, subscribed_at) VALUES
  ('ada@example.com', '2024-01-01 10:00:00'),
  ('grace@example.com', NULL);
