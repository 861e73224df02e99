=== my-add-column-references: mariadb mysql since=90000
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, at int);
INSERT INTO customers VALUES (1), (2);
INSERT INTO orders VALUES (1, 1), (2, 2);
---
ALTER TABLE orders ADD COLUMN customer_id bigint REFERENCES customers (id) ON DELETE SET NULL;
UPDATE orders SET customer_id = at;
=== my-modify-unique: mariadb mysql
CREATE TABLE orders (id bigint PRIMARY KEY, number int NOT NULL);
INSERT INTO orders VALUES (1, 1), (2, 2);
---
ALTER TABLE orders MODIFY COLUMN number int NOT NULL UNIQUE;
