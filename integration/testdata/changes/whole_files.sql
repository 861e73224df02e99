Whole files, as frameworks and people write them: one column in many statements.

=== filled-in-pieces: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, state int NOT NULL, name varchar(40));
INSERT INTO orders SELECT n, n % 4, 'n' || n FROM generate_series(1, 40) n;
---
ALTER TABLE orders ADD COLUMN label varchar(20);
UPDATE orders SET label = 'new' WHERE state = 0;
UPDATE orders SET label = 'paid' WHERE state = 1;
UPDATE orders SET label = 'unknown' WHERE label IS NULL;
ALTER TABLE orders ALTER COLUMN label SET NOT NULL;
ALTER TABLE orders ADD CONSTRAINT label_known CHECK (label IN ('new', 'paid', 'unknown'));
ALTER TABLE orders ALTER COLUMN label SET DEFAULT 'new';
ALTER TABLE orders ADD COLUMN kind text DEFAULT 'x';
UPDATE orders SET kind = 'none' WHERE kind IS NULL;
UPDATE orders SET kind = label WHERE state > 1;
UPDATE orders SET kind = concat(kind, '-', name) WHERE id > 2;

=== filled-in-pieces-my: mysql mariadb
CREATE TABLE orders (id bigint PRIMARY KEY, state int NOT NULL, name varchar(40)) ENGINE=InnoDB;
INSERT INTO orders VALUES (1, 0, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 3, NULL);
---
ALTER TABLE orders ADD COLUMN label varchar(20);
UPDATE orders SET label = 'new' WHERE state = 0;
UPDATE orders SET label = 'paid' WHERE state = 1;
UPDATE orders SET label = 'unknown' WHERE label IS NULL;
ALTER TABLE orders MODIFY label varchar(20) NOT NULL DEFAULT 'new';
ALTER TABLE orders ADD COLUMN kind varchar(20) DEFAULT 'x';
UPDATE orders SET kind = 'none' WHERE kind IS NULL;
UPDATE orders SET kind = label WHERE state > 1;
UPDATE orders SET kind = concat(kind, '-', name) WHERE id > 2;

=== rename-and-widen: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(10) NOT NULL DEFAULT 'x');
CREATE INDEX users_name ON users (name);
INSERT INTO users SELECT n, 'n' || n FROM generate_series(1, 20) n;
---
ALTER TABLE users RENAME COLUMN name TO full_name;
ALTER TABLE users ALTER COLUMN full_name TYPE varchar(200);

=== rename-and-widen-my: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(10) NOT NULL DEFAULT 'x') ENGINE=InnoDB;
CREATE INDEX users_name ON users (name);
INSERT INTO users VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE users CHANGE name full_name varchar(50) NOT NULL DEFAULT 'x';
