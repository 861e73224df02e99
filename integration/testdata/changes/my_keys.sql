=== my-fk-add: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, KEY orders_customer (customer_id));
INSERT INTO customers VALUES (1, 'a'), (2, 'b');
INSERT INTO orders VALUES (1, 1), (2, 2), (3, NULL);
---
ALTER TABLE orders ADD CONSTRAINT fk_orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id);

=== my-fk-add-makes-index: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL);
INSERT INTO customers VALUES (1, 'a'), (2, 'b');
INSERT INTO orders VALUES (1, 1), (2, 2);
---
ALTER TABLE orders ADD CONSTRAINT fk_orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE;

=== my-fk-nameless: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, other_id bigint);
INSERT INTO customers VALUES (1, 'a');
INSERT INTO orders VALUES (1, 1, 1);
---
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE CASCADE, ADD FOREIGN KEY (other_id) REFERENCES customers (id);

=== my-fk-two-columns: mysql mariadb
CREATE TABLE parents (a int NOT NULL, b int NOT NULL, PRIMARY KEY (a, b));
CREATE TABLE children (id bigint PRIMARY KEY, a int, b int);
INSERT INTO parents VALUES (1, 1), (1, 2);
INSERT INTO children VALUES (1, 1, 1), (2, 1, 2), (3, NULL, 7);
---
ALTER TABLE children ADD CONSTRAINT children_parent FOREIGN KEY (a, b) REFERENCES parents (a, b);

=== my-fk-self: mysql mariadb
CREATE TABLE nodes (id bigint PRIMARY KEY, parent_id bigint, KEY nodes_parent (parent_id));
INSERT INTO nodes VALUES (1, NULL), (2, 1), (3, 2);
---
ALTER TABLE nodes ADD CONSTRAINT nodes_parent_fk FOREIGN KEY (parent_id) REFERENCES nodes (id);

=== my-fk-drop: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, CONSTRAINT fk_c FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE);
INSERT INTO customers VALUES (1, 'a'), (2, 'b');
INSERT INTO orders VALUES (1, 1), (2, 2);
---
ALTER TABLE orders DROP FOREIGN KEY fk_c;

=== my-fk-drop-constraint: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, CONSTRAINT fk_c FOREIGN KEY (customer_id) REFERENCES customers (id));
INSERT INTO customers VALUES (1, 'a');
INSERT INTO orders VALUES (1, 1);
---
ALTER TABLE orders DROP CONSTRAINT fk_c;

=== my-fk-drop-with-index: mysql mariadb
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(50));
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, CONSTRAINT fk_c FOREIGN KEY (customer_id) REFERENCES customers (id));
INSERT INTO customers VALUES (1, 'a');
INSERT INTO orders VALUES (1, 1);
---
ALTER TABLE orders DROP FOREIGN KEY fk_c, DROP INDEX fk_c;

=== my-rails-add-reference: mysql mariadb
CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(50));
CREATE TABLE posts (id bigint AUTO_INCREMENT PRIMARY KEY, title varchar(50));
INSERT INTO users (name) VALUES ('a');
INSERT INTO posts (title) VALUES ('t');
---
ALTER TABLE `posts` ADD `user_id` bigint;
CREATE INDEX `index_posts_on_user_id` ON `posts` (`user_id`);
ALTER TABLE `posts` ADD CONSTRAINT `fk_rails_5b5ddfd518` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`);

=== my-django-create: mysql mariadb
CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(50));
INSERT INTO users (name) VALUES ('a');
---
CREATE TABLE `shop_order` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `number` varchar(20) NOT NULL UNIQUE, `placed_at` datetime(6) NOT NULL, `user_id` bigint NOT NULL);
CREATE TABLE `shop_line` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `amount` integer UNSIGNED NOT NULL CHECK (`amount` >= 0), `order_id` bigint NOT NULL);
ALTER TABLE `shop_order` ADD CONSTRAINT `shop_order_user_id_fk_users_id` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`);
ALTER TABLE `shop_line` ADD CONSTRAINT `shop_line_order_id_amount_uniq` UNIQUE (`order_id`, `amount`);
ALTER TABLE `shop_line` ADD CONSTRAINT `shop_line_order_id_fk` FOREIGN KEY (`order_id`) REFERENCES `shop_order` (`id`);
CREATE INDEX `shop_order_placed_at_idx` ON `shop_order` (`placed_at`);

=== my-prisma-create: mysql mariadb
CREATE TABLE unrelated (id int PRIMARY KEY);
---
-- CreateTable
CREATE TABLE `Post` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `title` VARCHAR(191) NOT NULL,
    `authorId` INTEGER NULL,

    INDEX `Post_title_idx`(`title`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `User` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `email` VARCHAR(191) NOT NULL,

    UNIQUE INDEX `User_email_key`(`email`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- AddForeignKey
ALTER TABLE `Post` ADD CONSTRAINT `Post_authorId_fkey` FOREIGN KEY (`authorId`) REFERENCES `User`(`id`) ON DELETE SET NULL ON UPDATE CASCADE;

=== my-unique-add: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100));
INSERT INTO users VALUES (1, 'a'), (2, 'b'), (3, NULL);
---
ALTER TABLE users ADD CONSTRAINT users_email UNIQUE (email);

=== my-unique-nameless: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), name varchar(50), KEY email (name));
INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', 'y');
---
ALTER TABLE users ADD UNIQUE (email);

=== my-unique-column: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO users VALUES (1, 'x'), (2, 'y');
---
ALTER TABLE users ADD COLUMN token varchar(40) UNIQUE;

=== my-unique-drop: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), UNIQUE KEY users_email (email));
INSERT INTO users VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE users DROP INDEX users_email;

=== my-unique-drop-constraint: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), UNIQUE KEY users_email (email));
INSERT INTO users VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE users DROP CONSTRAINT users_email;

=== my-primary-key-add: mysql mariadb
CREATE TABLE tags (id bigint NOT NULL, name varchar(50), UNIQUE KEY tags_id (id));
INSERT INTO tags VALUES (1, 'x'), (2, 'y');
---
ALTER TABLE tags ADD PRIMARY KEY (id);

=== my-primary-key-change: mysql mariadb
CREATE TABLE members (team int NOT NULL, user int NOT NULL, note varchar(20), PRIMARY KEY (team));
INSERT INTO members VALUES (1, 1, 'x'), (2, 1, 'y');
---
ALTER TABLE members DROP PRIMARY KEY, ADD PRIMARY KEY (team, user);

=== my-check-drop: mysql mariadb
CREATE TABLE items (id bigint PRIMARY KEY, price int, CONSTRAINT positive CHECK (price > 0));
INSERT INTO items VALUES (1, 5);
---
ALTER TABLE items DROP CONSTRAINT positive;

=== my-check-drop-check: mysql
CREATE TABLE items (id bigint PRIMARY KEY, price int, CONSTRAINT positive CHECK (price > 0));
INSERT INTO items VALUES (1, 5);
---
ALTER TABLE items DROP CHECK positive;

=== my-check-not-enforced: mysql
CREATE TABLE items (id bigint PRIMARY KEY, price int, CONSTRAINT positive CHECK (price > 0));
INSERT INTO items VALUES (1, 5);
---
ALTER TABLE items ALTER CHECK positive NOT ENFORCED;

=== my-check-enforced: mysql
CREATE TABLE items (id bigint PRIMARY KEY, price int, CONSTRAINT positive CHECK (price > 0) NOT ENFORCED);
INSERT INTO items VALUES (1, 5);
---
ALTER TABLE items ALTER CHECK positive ENFORCED;

=== my-check-add-not-enforced: mysql
CREATE TABLE items (id bigint PRIMARY KEY, price int);
INSERT INTO items VALUES (1, -5);
---
ALTER TABLE items ADD CONSTRAINT positive CHECK (price > 0) NOT ENFORCED;

=== my-check-replaced: mysql mariadb
CREATE TABLE items (id bigint PRIMARY KEY, price int, CONSTRAINT positive CHECK (price > 0));
INSERT INTO items VALUES (1, 5);
---
ALTER TABLE items DROP CONSTRAINT positive;
ALTER TABLE items ADD CONSTRAINT nonnegative CHECK (price >= 0);

=== my-index-rename: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), KEY e (email));
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users RENAME INDEX e TO users_email;

=== my-index-invisible: mysql
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), KEY e (email));
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users ALTER INDEX e INVISIBLE;

=== my-index-visible: mysql
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), KEY e (email) INVISIBLE);
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users ALTER INDEX e VISIBLE;

=== my-index-ignored: mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), KEY e (email));
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users ALTER INDEX e IGNORED;

=== my-index-not-ignored: mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), KEY e (email) IGNORED);
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users ALTER KEY e NOT IGNORED;

=== my-index-parts: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), name varchar(100));
INSERT INTO users VALUES (1, 'a', 'b');
---
CREATE INDEX users_prefix ON users (email(10), name DESC) COMMENT 'by prefix';

=== my-index-functional: mysql
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100));
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users ADD INDEX users_lower ((lower(email)));

=== my-index-fulltext: mysql mariadb
CREATE TABLE posts (id bigint PRIMARY KEY, body text);
INSERT INTO posts VALUES (1, 'some words');
---
CREATE FULLTEXT INDEX posts_body ON posts (body);

=== my-index-spatial: mysql
CREATE TABLE places (id bigint PRIMARY KEY, at point NOT NULL);
---
ALTER TABLE places ADD SPATIAL INDEX places_at (at);

=== my-index-if-exists: mariadb
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100), KEY e (email));
INSERT INTO users VALUES (1, 'a');
---
CREATE INDEX IF NOT EXISTS e ON users (email);
DROP INDEX IF EXISTS nothing ON users;
ALTER TABLE users ADD COLUMN IF NOT EXISTS email varchar(100), DROP COLUMN IF EXISTS gone, DROP CONSTRAINT IF EXISTS gone, DROP FOREIGN KEY IF EXISTS gone;
ALTER TABLE IF EXISTS nobody ADD COLUMN x int;
ALTER TABLE users ADD INDEX IF NOT EXISTS e2 (id, email);
