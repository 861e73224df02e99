=== lent-default-not-null: postgres mysql mariadb
CREATE TABLE accounts (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO accounts VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE accounts ADD COLUMN slug varchar(50) DEFAULT 'none' NOT NULL;
ALTER TABLE accounts ALTER COLUMN slug DROP DEFAULT;

=== lent-default-nullable: postgres mysql mariadb
CREATE TABLE accounts (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO accounts VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE accounts ADD COLUMN level int DEFAULT 7;
ALTER TABLE accounts ALTER COLUMN level DROP DEFAULT;

=== lent-default-volatile: postgres unsteady=accounts.made discard
CREATE TABLE accounts (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO accounts VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE accounts ADD COLUMN made timestamptz DEFAULT now() NOT NULL;
ALTER TABLE accounts ALTER COLUMN made DROP DEFAULT;

=== lent-default-and-update: postgres mysql mariadb
CREATE TABLE accounts (id bigint PRIMARY KEY, name varchar(50) NOT NULL);
INSERT INTO accounts VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE accounts ADD COLUMN slug varchar(50) DEFAULT '' NOT NULL;
UPDATE accounts SET slug = name;
ALTER TABLE accounts ALTER COLUMN slug DROP DEFAULT;

=== lent-default-replaced: postgres mysql mariadb
CREATE TABLE accounts (id bigint PRIMARY KEY, name varchar(50));
INSERT INTO accounts VALUES (1, 'a'), (2, 'b');
---
ALTER TABLE accounts ADD COLUMN slug varchar(50) DEFAULT 'then' NOT NULL;
ALTER TABLE accounts ALTER COLUMN slug SET DEFAULT 'now';

=== late-default-fills-nothing
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(100) NOT NULL);
INSERT INTO people VALUES (1, 'Ada'), (2, 'Grace');
---
ALTER TABLE people ADD COLUMN city varchar(50);
ALTER TABLE people ALTER COLUMN city SET DEFAULT 'London';
