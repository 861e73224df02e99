CREATE TABLE customers (
  id bigint PRIMARY KEY,
  name text NOT NULL
);
CREATE TABLE newsletter (
  email text PRIMARY KEY,
  subscribed_at timestamptz
);
INSERT INTO customers (id, name) VALUES (1, 'Ada Lovelace');
INSERT INTO newsletter (email, subscribed_at) VALUES
  ('ada@example.com', '2024-01-01 10:00:00+00'),
  ('grace@example.com', NULL);
