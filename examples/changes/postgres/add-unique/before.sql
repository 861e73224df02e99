CREATE TABLE users (id bigint PRIMARY KEY, email varchar(100));
INSERT INTO users VALUES (1, 'ada@example.com'), (2, 'grace@example.com'), (3, NULL);
