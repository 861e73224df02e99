Tables that the migration makes, and goes on with: what dumps, seeds and the
squashed migrations of frameworks print.

=== made-then-altered: postgres
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO users VALUES (1, 'Ada');
---
CREATE TABLE invoices (id bigserial PRIMARY KEY, total int);
CREATE INDEX invoices_total ON invoices (total);
INSERT INTO invoices (total) VALUES (1), (2), (3);
ALTER TABLE invoices ADD COLUMN currency text, ALTER COLUMN total TYPE bigint;
UPDATE invoices SET currency = 'EUR' WHERE total < 3;
UPDATE invoices SET currency = 'USD' WHERE currency IS NULL;
ALTER TABLE invoices ALTER COLUMN currency SET NOT NULL, ADD COLUMN user_id bigint;
ALTER TABLE invoices RENAME COLUMN total TO amount;
ALTER TABLE invoices ADD CONSTRAINT invoices_user FOREIGN KEY (user_id) REFERENCES users (id);
DELETE FROM invoices WHERE amount = 2;
COMMENT ON TABLE invoices IS 'bills';
INSERT INTO invoices (amount, currency, user_id) VALUES (9, 'CHF', 1);

=== made-then-altered-my: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(40) NOT NULL) ENGINE=InnoDB;
INSERT INTO users VALUES (1, 'Ada');
---
CREATE TABLE invoices (id bigint AUTO_INCREMENT PRIMARY KEY, total int) ENGINE=InnoDB;
CREATE INDEX invoices_total ON invoices (total);
INSERT INTO invoices (total) VALUES (1), (2), (3);
ALTER TABLE invoices ADD COLUMN currency varchar(3), MODIFY total bigint;
UPDATE invoices SET currency = 'EUR' WHERE total < 3;
UPDATE invoices SET currency = 'USD' WHERE currency IS NULL;
ALTER TABLE invoices MODIFY currency varchar(3) NOT NULL, ADD COLUMN user_id bigint;
ALTER TABLE invoices RENAME COLUMN total TO amount;
ALTER TABLE invoices ADD FOREIGN KEY (user_id) REFERENCES users (id), COMMENT = 'bills';
DELETE FROM invoices WHERE amount = 2;
INSERT INTO invoices (amount, currency, user_id) VALUES (9, 'CHF', 1);

=== made-renamed
CREATE TABLE users (id bigint PRIMARY KEY);
---
CREATE TABLE drafts (id bigint PRIMARY KEY, title varchar(20));
INSERT INTO drafts VALUES (1, 'a');
ALTER TABLE drafts RENAME TO posts;
ALTER TABLE posts ADD COLUMN body varchar(20);
INSERT INTO posts VALUES (2, 'b', 'text');

=== made-dropped-again
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO users VALUES (1, 'Ada');
---
CREATE TABLE scratch (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO scratch (id, name) SELECT id, name FROM users;
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO people (id, name) SELECT id, name FROM scratch;
DROP TABLE scratch;

=== made-phpmyadmin: mysql mariadb
CREATE TABLE users (id int unsigned PRIMARY KEY) ENGINE=InnoDB;
---
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";
CREATE TABLE `author` (
  `id` int(10) UNSIGNED NOT NULL,
  `name` varchar(100) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `author` (`id`, `name`) VALUES
(1, 'Ada'),
(2, 'Grace');
CREATE TABLE `book` (
  `id` int(10) UNSIGNED NOT NULL,
  `author_id` int(10) UNSIGNED NOT NULL,
  `isbn` varchar(20) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `book` (`id`, `author_id`, `isbn`) VALUES
(1, 1, '1-2-3');
ALTER TABLE `author`
  ADD PRIMARY KEY (`id`);
ALTER TABLE `book`
  ADD PRIMARY KEY (`id`),
  ADD UNIQUE KEY `isbn` (`isbn`),
  ADD KEY `author_id` (`author_id`);
ALTER TABLE `author`
  MODIFY `id` int(10) UNSIGNED NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=3;
ALTER TABLE `book`
  MODIFY `id` int(10) UNSIGNED NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=2;
ALTER TABLE `book`
  ADD CONSTRAINT `book_ibfk_1` FOREIGN KEY (`author_id`) REFERENCES `author` (`id`);
COMMIT;

=== made-mysqldump: mysql mariadb
CREATE TABLE users (id int PRIMARY KEY) ENGINE=InnoDB;
---
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
DROP TABLE IF EXISTS `book`;
CREATE TABLE `book` (
  `id` int NOT NULL AUTO_INCREMENT,
  `author_id` int NOT NULL,
  PRIMARY KEY (`id`),
  KEY `author_id` (`author_id`),
  CONSTRAINT `book_ibfk_1` FOREIGN KEY (`author_id`) REFERENCES `writer` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `book` WRITE;
/*!40000 ALTER TABLE `book` DISABLE KEYS */;
INSERT INTO `book` VALUES (1,1),(2,1);
/*!40000 ALTER TABLE `book` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `writer`;
CREATE TABLE `writer` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(20),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `writer` WRITE;
INSERT INTO `writer` VALUES (1,'Ada');
UNLOCK TABLES;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;

=== made-pg-dump: postgres
CREATE TABLE users (id bigint PRIMARY KEY);
---
SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET default_tablespace = '';
CREATE TABLE public.book (
    id integer NOT NULL,
    writer_id integer NOT NULL,
    title text
);
ALTER TABLE public.book OWNER TO CURRENT_USER;
CREATE SEQUENCE public.book_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.book_id_seq OWNED BY public.book.id;
CREATE TABLE public.writer (
    id integer NOT NULL,
    name text
);
ALTER TABLE ONLY public.book ALTER COLUMN id SET DEFAULT nextval('public.book_id_seq'::regclass);
INSERT INTO public.book VALUES (1, 1, 'Notes');
INSERT INTO public.writer VALUES (1, 'Ada');
SELECT pg_catalog.setval('public.book_id_seq', 1, true);
ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.writer
    ADD CONSTRAINT writer_pkey PRIMARY KEY (id);
CREATE INDEX book_writer ON public.book USING btree (writer_id);
ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_writer_fkey FOREIGN KEY (writer_id) REFERENCES public.writer(id) ON DELETE CASCADE;

=== made-and-referred
CREATE TABLE orders (id bigint PRIMARY KEY, note varchar(20));
INSERT INTO orders VALUES (1, 'x');
---
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(20));
ALTER TABLE customers ADD COLUMN email varchar(40);
INSERT INTO customers VALUES (1, 'Ada', 'a@example.com');
ALTER TABLE orders ADD COLUMN customer_id bigint;
ALTER TABLE orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id);
