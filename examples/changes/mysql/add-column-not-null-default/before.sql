CREATE TABLE products (
  id bigint PRIMARY KEY,
  title varchar(200) NOT NULL
);
INSERT INTO products (id, title) VALUES (1, 'Lamp'), (2, 'Chair'), (3, 'O''Hara''s "best" table');
