=== pg-replaced-check: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL, n int, CONSTRAINT orders_status CHECK (status IN ('new', 'paid')), CONSTRAINT orders_n CHECK (n > 0));
INSERT INTO orders SELECT i, 'paid', i + 1 FROM generate_series(1, 30) i;
---
ALTER TABLE orders DROP CONSTRAINT orders_status, ADD CONSTRAINT orders_status CHECK (status IN ('paid', 'sent'));
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_n;
ALTER TABLE orders ADD CONSTRAINT orders_n CHECK (n > 1 OR n IS NULL) NOT VALID;
=== pg-replaced-foreign-key: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, other_id bigint CONSTRAINT other REFERENCES customers ON DELETE CASCADE, parent_id bigint CONSTRAINT parent REFERENCES orders);
INSERT INTO customers SELECT generate_series(1, 30);
INSERT INTO orders SELECT i, i, i, i FROM generate_series(1, 30) i;
---
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey, DROP CONSTRAINT other, DROP CONSTRAINT parent;
ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE,
	ADD CONSTRAINT other FOREIGN KEY (other_id) REFERENCES customers, ADD CONSTRAINT parent FOREIGN KEY (parent_id) REFERENCES orders ON DELETE SET NULL DEFERRABLE;
=== pg-update-settled: postgres stays
CREATE TABLE users (id bigint PRIMARY KEY, email text COLLATE "C", n numeric(10,4), note text);
INSERT INTO users SELECT i, ' User' || i || '@X ', i + 0.55555, CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN 'n' END FROM generate_series(1, 300) i;
---
UPDATE users SET email = lower(btrim(email));
UPDATE users SET n = round(n, 2), note = nullif(note, '') WHERE id > 10;
UPDATE users SET note = coalesce(note, 'none');
