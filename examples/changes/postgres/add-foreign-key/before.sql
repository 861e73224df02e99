CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(100) NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);
CREATE INDEX orders_customer ON orders (customer_id);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Grace');
INSERT INTO orders VALUES (1, 1), (2, 2), (3, NULL);
