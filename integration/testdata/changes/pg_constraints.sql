=== pg-foreign-key: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);
INSERT INTO customers VALUES (1), (2);
INSERT INTO orders VALUES (10, 1), (11, 2), (12, NULL);
---
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE;

=== pg-foreign-key-unnamed-composite: postgres
CREATE TABLE places (country text, zip text, PRIMARY KEY (country, zip));
CREATE TABLE orders (id bigint PRIMARY KEY, to_country text, to_zip text, parent bigint);
INSERT INTO places VALUES ('DE', '10115'), ('FR', '75001');
INSERT INTO orders VALUES (10, 'DE', '10115', NULL), (11, NULL, '75001', 10);
---
ALTER TABLE orders ADD FOREIGN KEY (to_country, to_zip) REFERENCES places MATCH SIMPLE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  ADD FOREIGN KEY (parent) REFERENCES orders, ADD FOREIGN KEY (parent) REFERENCES orders ON DELETE SET DEFAULT;

=== pg-foreign-key-match-full: postgres
CREATE TABLE places (country text, zip text, UNIQUE (country, zip));
CREATE TABLE orders (id bigint PRIMARY KEY, to_country text, to_zip text);
INSERT INTO places VALUES ('DE', '10115');
INSERT INTO orders VALUES (10, 'DE', '10115'), (11, NULL, NULL);
---
ALTER TABLE orders ADD CONSTRAINT to_place FOREIGN KEY (to_country, to_zip) REFERENCES places (country, zip) MATCH FULL ON DELETE RESTRICT;

=== pg-foreign-key-set-null-columns: postgres since=150000
CREATE TABLE places (country text, zip text, PRIMARY KEY (country, zip));
CREATE TABLE orders (id bigint PRIMARY KEY, to_country text, to_zip text);
---
ALTER TABLE orders ADD FOREIGN KEY (to_country, to_zip) REFERENCES places ON DELETE SET NULL (to_zip);

=== pg-foreign-key-not-valid: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint);
INSERT INTO orders VALUES (10, 1);
---
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;

=== pg-foreign-key-not-valid-then-validate: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total int);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (10, 1, 5);
---
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_fk;
ALTER TABLE orders ADD CONSTRAINT orders_total CHECK (total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_total;

=== pg-validate: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, total int);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (10, 1, 5);
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID,
  ADD CONSTRAINT orders_total CHECK (total > 0) NOT VALID;
---
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_fk, VALIDATE CONSTRAINT orders_total;

=== pg-django-add-foreign-key-column: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY);
INSERT INTO orders VALUES (10);
---
ALTER TABLE "orders" ADD COLUMN "customer_id" bigint NULL CONSTRAINT "orders_customer_id_4d6_fk" REFERENCES "customers"("id") DEFERRABLE INITIALLY DEFERRED;
SET CONSTRAINTS "orders_customer_id_4d6_fk" IMMEDIATE;
CREATE INDEX "orders_customer_id_4d6" ON "orders" ("customer_id");

=== pg-column-with-everything: postgres
CREATE TABLE customers (id bigint PRIMARY KEY, code text UNIQUE);
CREATE TABLE orders (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers VALUES (1, 'a'), (2, 'b');
INSERT INTO orders VALUES (10, 'A'), (11, 'B');
---
ALTER TABLE orders ADD COLUMN code text UNIQUE REFERENCES customers (code) ON UPDATE CASCADE CHECK (code <> '');
UPDATE orders SET code = lower(name);
ALTER TABLE orders ALTER COLUMN code SET NOT NULL;

=== pg-foreign-key-of-renamed: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (10, 1);
---
ALTER TABLE orders RENAME COLUMN customer TO customer_id;
ALTER TABLE orders ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES customers;

=== pg-foreign-key-of-retyped: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (10, 1);
---
ALTER TABLE orders ALTER COLUMN customer_id TYPE bigint;
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;

=== pg-unique: postgres
CREATE TABLE users (id bigint PRIMARY KEY, email text, city text);
INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, NULL, 'y'), (4, NULL, 'y');
---
ALTER TABLE users ADD CONSTRAINT users_email UNIQUE (email);
ALTER TABLE users ADD UNIQUE (city, email), ADD UNIQUE (id, city);

=== pg-unique-deferrable-include: postgres
CREATE TABLE users (id bigint PRIMARY KEY, email text, "City" text);
INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', 'x');
---
ALTER TABLE users ADD UNIQUE (email) INCLUDE ("City") WITH (fillfactor = 70) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE users ADD UNIQUE ("City", id) DEFERRABLE;

=== pg-unique-nulls-not-distinct: postgres since=150000
CREATE TABLE users (id bigint PRIMARY KEY, email text);
INSERT INTO users VALUES (1, 'a'), (2, NULL);
---
ALTER TABLE users ADD UNIQUE NULLS NOT DISTINCT (email);

=== pg-unique-using-index: postgres
CREATE TABLE users (id bigint PRIMARY KEY, email text, nick text);
CREATE UNIQUE INDEX users_by_email ON users (email);
INSERT INTO users VALUES (1, 'a', 'n');
---
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_by_email;
CREATE UNIQUE INDEX users_nick ON users (nick);
ALTER TABLE users ADD UNIQUE USING INDEX users_nick;

=== pg-primary-key: postgres
CREATE TABLE events (at date, kind text, n int);
INSERT INTO events VALUES ('2026-01-01', 'a', 1), ('2026-01-01', 'b', 2);
---
ALTER TABLE events ADD PRIMARY KEY (at, kind) INCLUDE (n);

=== pg-primary-key-using-index: postgres
CREATE TABLE events (at date, kind text, n int NOT NULL);
INSERT INTO events VALUES ('2026-01-01', 'a', 1), ('2026-01-01', 'b', 2);
---
CREATE UNIQUE INDEX events_key ON events (at, kind);
ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY USING INDEX events_key;

=== pg-primary-key-replaced: postgres
CREATE TABLE events (id int PRIMARY KEY, kind text NOT NULL, n int NOT NULL);
INSERT INTO events VALUES (1, 'a', 1), (2, 'b', 2);
---
ALTER TABLE events DROP CONSTRAINT events_pkey;
ALTER TABLE events ADD PRIMARY KEY (kind, n);

=== pg-primary-key-replaced-other-name: postgres
CREATE TABLE events (id int CONSTRAINT ev_key PRIMARY KEY, kind text NOT NULL, n int);
INSERT INTO events VALUES (1, 'a', 1), (2, 'b', 2);
---
ALTER TABLE events DROP CONSTRAINT ev_key, ADD CONSTRAINT ev_new PRIMARY KEY (n);

=== pg-exclusion: postgres
CREATE TABLE bookings (id bigint PRIMARY KEY, during daterange, room int, gone bool);
INSERT INTO bookings VALUES (1, '[2026-01-01,2026-01-03)', 1, false), (2, '[2026-01-03,2026-01-05)', 1, false);
---
-- migrate:allow exclusion-constraint-blocks "the table is small"
ALTER TABLE bookings ADD EXCLUDE USING gist (during WITH &&) WHERE (NOT gone);
-- migrate:allow exclusion-constraint-blocks "the table is small"
ALTER TABLE bookings ADD CONSTRAINT apart EXCLUDE USING gist (int4range(room, room + 1) WITH &&, during WITH &&) DEFERRABLE INITIALLY DEFERRED;

=== pg-drop-constraints: postgres
CREATE TABLE customers (id bigint PRIMARY KEY, code text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers ON DELETE CASCADE, total int CHECK (total > 0),
  number text UNIQUE DEFERRABLE INITIALLY DEFERRED, CONSTRAINT odd CHECK (total <> 13) NOT VALID);
INSERT INTO customers VALUES (1, 'a');
INSERT INTO orders VALUES (10, 1, 5, 'x');
---
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey, DROP CONSTRAINT orders_total_check, DROP CONSTRAINT orders_number_key, DROP CONSTRAINT IF EXISTS nothing;
ALTER TABLE orders DROP CONSTRAINT odd;
ALTER TABLE orders DROP CONSTRAINT orders_pkey;

=== pg-drop-exclusion: postgres
CREATE TABLE bookings (id bigint PRIMARY KEY, during daterange, CONSTRAINT apart EXCLUDE USING gist (during WITH &&));
INSERT INTO bookings VALUES (1, '[2026-01-01,2026-01-03)'), (2, '[2026-01-03,2026-01-05)');
---
ALTER TABLE bookings DROP CONSTRAINT apart;

=== pg-drop-key-and-what-refers-to-it: postgres
CREATE TABLE customers (id bigint PRIMARY KEY, code text UNIQUE);
CREATE TABLE orders (id bigint PRIMARY KEY, customer text REFERENCES customers (code));
INSERT INTO customers VALUES (1, 'a');
INSERT INTO orders VALUES (10, 'a');
---
ALTER TABLE customers DROP CONSTRAINT customers_pkey;
ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey;
ALTER TABLE customers DROP CONSTRAINT customers_code_key;

=== pg-drop-named-not-null: postgres since=180000
CREATE TABLE t (id bigint PRIMARY KEY, a text CONSTRAINT a_is_there NOT NULL);
INSERT INTO t VALUES (1, 'a');
---
ALTER TABLE t DROP CONSTRAINT a_is_there;

=== pg-check-accepts-more: postgres
CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL, CONSTRAINT orders_status CHECK (status IN ('new', 'paid')));
INSERT INTO orders VALUES (1, 'new');
---
ALTER TABLE orders DROP CONSTRAINT orders_status;
ALTER TABLE orders ADD CONSTRAINT orders_status CHECK (status IN ('new', 'paid', 'void'));

=== pg-other-action: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (10, 1);
---
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE;

=== pg-unique-over-more: postgres
CREATE TABLE users (id bigint PRIMARY KEY, tenant int, email text, CONSTRAINT users_email UNIQUE (email));
INSERT INTO users VALUES (1, 1, 'a');
---
ALTER TABLE users DROP CONSTRAINT users_email;
ALTER TABLE users ADD CONSTRAINT users_email UNIQUE (tenant, email);

=== pg-constraint-clauses: postgres
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint CONSTRAINT fk REFERENCES customers, number text CONSTRAINT num UNIQUE, total int CONSTRAINT tot CHECK (total > 0));
CREATE INDEX by_customer ON orders (customer_id);
INSERT INTO customers VALUES (1);
INSERT INTO orders VALUES (10, 1, 'x', 5);
---
ALTER TABLE orders RENAME CONSTRAINT num TO orders_number;
ALTER TABLE orders RENAME CONSTRAINT tot TO orders_total;
ALTER TABLE orders ALTER CONSTRAINT fk DEFERRABLE INITIALLY DEFERRED;
ALTER INDEX by_customer RENAME TO orders_by_customer;
ALTER INDEX orders_pkey RENAME TO orders_key;

=== pg-created-together: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
---
CREATE TABLE "posts" ("id" bigserial PRIMARY KEY, "author_id" bigint NOT NULL, "blog_id" bigint, "title" varchar(200) NOT NULL);
CREATE TABLE "blogs" ("id" bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "slug" varchar(50) NOT NULL);
ALTER TABLE "posts" ADD CONSTRAINT "posts_author_fk" FOREIGN KEY ("author_id") REFERENCES "users" ("id") DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE "posts" ADD CONSTRAINT "posts_blog_fk" FOREIGN KEY ("blog_id") REFERENCES "blogs" ("id");
ALTER TABLE "blogs" ADD CONSTRAINT "blogs_slug_uniq" UNIQUE ("slug"), ADD CHECK (slug <> '');
CREATE INDEX "posts_author" ON "posts" ("author_id");
CREATE INDEX "blogs_slug_like" ON "blogs" ("slug" varchar_pattern_ops);
INSERT INTO blogs (slug) VALUES ('one'), ('two');
INSERT INTO posts (author_id, blog_id, title) SELECT u.id, b.id, 'hello' FROM users u, blogs b WHERE b.slug = 'one';
