CREATE TYPE order_status AS ENUM ('new', 'paid', 'lost', 'cancelled');
CREATE TABLE orders (
  id bigint PRIMARY KEY,
  status order_status NOT NULL DEFAULT 'new'
);
INSERT INTO orders VALUES (1, 'new'), (2, 'paid'), (3, 'lost');
