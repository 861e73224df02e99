=== my-insert: mysql mariadb
CREATE TABLE roles (id bigint PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO roles VALUES (1, 'user');
---
INSERT INTO roles (id, name) VALUES (2, 'admin'), (3, 'guest');

=== my-insert-counted: mysql mariadb
CREATE TABLE roles (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO roles (name) VALUES ('user');
---
INSERT INTO roles (name) VALUES ('admin'), ('it''s');

=== my-create-and-insert: mysql mariadb discard
CREATE TABLE unrelated (id int PRIMARY KEY);
---
CREATE TABLE roles (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(20) NOT NULL);
INSERT INTO roles (name) VALUES ('admin'), ('guest');
INSERT IGNORE INTO roles (id, name) VALUES (1, 'again');
INSERT INTO roles (id, name) VALUES (2, 'x') ON DUPLICATE KEY UPDATE name = 'changed';
INSERT INTO roles SELECT 9, 'ninth';

=== my-dump: mysql mariadb discard
CREATE TABLE unrelated (id int PRIMARY KEY);
---
/*!40101 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
CREATE TABLE `b` (`id` int NOT NULL, `a_id` int DEFAULT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;
LOCK TABLES `b` WRITE;
/*!40000 ALTER TABLE `b` DISABLE KEYS */;
INSERT INTO `b` VALUES (1, 2), (2, NULL);
/*!40000 ALTER TABLE `b` ENABLE KEYS */;
UNLOCK TABLES;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;

=== my-transaction: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
INSERT INTO users VALUES (1);
---
SET FOREIGN_KEY_CHECKS = 0;
START TRANSACTION;
ALTER TABLE users ADD COLUMN a int;
ALTER TABLE users ADD COLUMN b int;
COMMIT;
SET FOREIGN_KEY_CHECKS = 1;

=== my-delete: mysql mariadb norollback
CREATE TABLE sessions (id bigint PRIMARY KEY, stale int NOT NULL);
INSERT INTO sessions VALUES (1, 0), (2, 1), (3, 1), (4, 0);
---
DELETE FROM sessions WHERE stale = 1;

=== my-delete-everything: mysql mariadb norollback
CREATE TABLE sessions (id bigint PRIMARY KEY);
INSERT INTO sessions VALUES (1), (2);
---
DELETE FROM sessions;

=== my-truncate: mysql mariadb norollback
CREATE TABLE sessions (id bigint PRIMARY KEY);
INSERT INTO sessions VALUES (1), (2);
---
-- migrate:allow data-loss-truncate "sessions are made anew"
TRUNCATE TABLE sessions;
