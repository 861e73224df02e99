=== my-rename-table: mysql mariadb
CREATE TABLE people (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(50) NOT NULL, age int DEFAULT 7, KEY people_name (name));
INSERT INTO people (name) VALUES ('a'), ('b');
---
RENAME TABLE people TO users;

=== my-rename-table-alter: mysql mariadb
CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(50) NOT NULL);
INSERT INTO users (name) VALUES ('a'), ('b');
---
ALTER TABLE users RENAME TO people;

=== my-rename-two-tables: mysql mariadb
CREATE TABLE a1 (id bigint PRIMARY KEY, n int);
CREATE TABLE b1 (id bigint PRIMARY KEY, n int);
INSERT INTO a1 VALUES (1, 1);
INSERT INTO b1 VALUES (2, 2);
---
RENAME TABLE a1 TO c1, b1 TO d1;

=== my-rename-with-trigger: mysql mariadb
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(50));
CREATE TRIGGER people_upper BEFORE INSERT ON people FOR EACH ROW SET NEW.name = UPPER(NEW.name);
INSERT INTO people VALUES (1, 'a');
---
RENAME TABLE people TO users;

=== my-rename-referring: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, CONSTRAINT fk_c FOREIGN KEY (customer_id) REFERENCES customers (id));
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (1, 1);
---
RENAME TABLE orders TO purchases;

=== my-rename-referred: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, CONSTRAINT fk_c FOREIGN KEY (customer_id) REFERENCES customers (id));
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (1, 1);
---
ALTER TABLE customers RENAME clients;

=== my-rename-unnamed-constraints: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, n int, customer_id bigint, CHECK (n > 0), FOREIGN KEY (customer_id) REFERENCES customers (id));
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (1, 1, 1);
---
RENAME TABLE orders TO purchases;

=== my-rename-generated: mysql mariadb
CREATE TABLE people (id bigint PRIMARY KEY, a int, b int AS (a + 1) VIRTUAL, c int AS (a + 2) STORED);
INSERT INTO people (id, a) VALUES (1, 5);
---
RENAME TABLE people TO `odd name`;
