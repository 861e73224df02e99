Literal defaults of types that MySQL takes only expressions for.

=== my-default-literal-of-text: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, a text, b blob NOT NULL, c json, d text DEFAULT ('then'), e text DEFAULT ('then'), f longtext NOT NULL DEFAULT ('gone'));
INSERT INTO t VALUES (1, 'x', 'y', '[1]', 'z', 'z', 'z'), (2, NULL, '', NULL, NULL, NULL, '');
---
ALTER TABLE t MODIFY COLUMN a text DEFAULT ('A'), MODIFY COLUMN b blob NOT NULL DEFAULT ('B');
ALTER TABLE t MODIFY COLUMN c json DEFAULT ('[]');
ALTER TABLE t MODIFY COLUMN d text DEFAULT ('now');
ALTER TABLE t MODIFY COLUMN e text;
ALTER TABLE t ALTER COLUMN f DROP DEFAULT;
=== my-retype-to-text-with-default: mysql mariadb
CREATE TABLE t (id bigint PRIMARY KEY, a varchar(20) NOT NULL DEFAULT 'A', b varchar(20) DEFAULT 'B', c varchar(20) DEFAULT 'C');
INSERT INTO t VALUES (1, 'x', 'y', 'z'), (2, '', NULL, NULL);
---
ALTER TABLE t MODIFY COLUMN a text NOT NULL DEFAULT ('A'), MODIFY COLUMN b text DEFAULT ('B'), MODIFY COLUMN c text;
=== my-add-literal-default-of-text: mysql mariadb discard
CREATE TABLE t (id bigint PRIMARY KEY, n int);
INSERT INTO t VALUES (1, 1), (2, 2);
---
ALTER TABLE t ADD COLUMN a text DEFAULT ('c'), ADD COLUMN b text NOT NULL DEFAULT ('d'), ADD COLUMN c json DEFAULT ('[]');
