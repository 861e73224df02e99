=== my-view-create: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20), active int);
INSERT INTO users VALUES (1, 'a', 1);
---
CREATE VIEW active_users AS SELECT id, name FROM users WHERE active = 1;

=== my-view-of-new-column: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO users VALUES (1, 'a');
---
ALTER TABLE users ADD COLUMN nick varchar(20);
CREATE VIEW nicks AS SELECT id, nick FROM users;

=== my-view-replace: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20), active int);
CREATE VIEW v AS SELECT id FROM users;
INSERT INTO users VALUES (1, 'a', 1);
---
CREATE OR REPLACE VIEW v AS SELECT id, name FROM users;

=== my-view-drop: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE VIEW v AS SELECT id FROM users;
INSERT INTO users VALUES (1, 'a');
---
DROP VIEW v;

=== my-view-drop-if-exists: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE VIEW v AS SELECT id FROM users;
---
DROP VIEW IF EXISTS nothing, v;

=== my-view-out-of-the-way: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE VIEW v AS SELECT id, name FROM users;
INSERT INTO users VALUES (1, 'a');
---
DROP VIEW v;
ALTER TABLE users DROP COLUMN name;

=== my-trigger-create: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO users VALUES (1, 'a');
---
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW SET NEW.name = TRIM(NEW.name);

=== my-trigger-drop: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW SET NEW.name = TRIM(NEW.name);
INSERT INTO users VALUES (1, 'a');
---
DROP TRIGGER users_trim;

=== my-trigger-replaced: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW SET NEW.name = TRIM(NEW.name);
INSERT INTO users VALUES (1, 'a');
---
DROP TRIGGER IF EXISTS users_trim;
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW SET NEW.name = LOWER(TRIM(NEW.name));

=== my-function-create: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
---
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;
CREATE PROCEDURE nothing() SELECT 1;

=== my-function-drop: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;
CREATE PROCEDURE nothing() SELECT 1;
---
DROP FUNCTION twice;
DROP PROCEDURE IF EXISTS nothing;

=== my-event: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
---
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM users WHERE id < 0;

=== my-event-drop: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO DELETE FROM users WHERE id < 0;
---
DROP EVENT IF EXISTS tidy;

=== my-sequence: mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
---
CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 10;

=== my-sequence-drop: mariadb
CREATE TABLE users (id bigint PRIMARY KEY);
CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 10;
---
DROP SEQUENCE numbers;

=== my-view-dropped-and-made: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20), active int);
CREATE VIEW v AS SELECT id FROM users;
INSERT INTO users VALUES (1, 'a', 1);
---
DROP VIEW v;
CREATE VIEW v AS SELECT id, name FROM users;

=== my-trigger-block: mysql mariadb
CREATE TABLE log (name varchar(20));
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
INSERT INTO users VALUES (1, 'a');
---
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW BEGIN
  IF NEW.name IS NULL THEN SET NEW.name = ''; END IF;
  SET NEW.name = CASE WHEN NEW.name = ' ' THEN 'blank' ELSE TRIM(NEW.name) END;
  INSERT INTO log VALUES (NEW.name);
END;

=== my-trigger-block-replaced: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.name = TRIM(NEW.name); SET NEW.id = NEW.id; END;
INSERT INTO users VALUES (1, 'a');
---
DROP TRIGGER users_trim;
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.name = LOWER(NEW.name); SET NEW.id = NEW.id + 0; END;

=== my-trigger-or-replace: mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW SET NEW.name = TRIM(NEW.name);
INSERT INTO users VALUES (1, 'a');
---
CREATE OR REPLACE TRIGGER users_trim BEFORE INSERT ON users FOR EACH ROW SET NEW.name = LOWER(NEW.name);

=== my-routines-with-blocks: mysql mariadb
CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));
CREATE PROCEDURE tidy() BEGIN DELETE FROM users WHERE id < 0; END;
INSERT INTO users VALUES (1, 'a'), (-1, 'b');
---
-- +goose StatementBegin
CREATE FUNCTION half(n int) RETURNS int DETERMINISTIC
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN RETURN -1; END;
  IF n > 1 THEN RETURN n DIV 2; END IF;
  RETURN 0;
END;
-- +goose StatementEnd
DROP PROCEDURE tidy;
CREATE PROCEDURE tidy(least int)
outer_one: BEGIN
  WHILE least < 0 DO
    DELETE FROM users WHERE id = least;
    SET least = least + 1;
  END WHILE;
END outer_one;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO BEGIN CALL tidy(-9); DELETE FROM users WHERE name = ''; END;
