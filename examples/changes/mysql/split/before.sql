CREATE TABLE users (
  id bigint PRIMARY KEY,
  name varchar(200) NOT NULL,
  email varchar(200) NOT NULL
);
INSERT INTO users (id, name, email) VALUES
  (1, 'Ada Lovelace', 'ada@example.com'),
  (2, 'Grace Hopper', 'grace@example.com'),
  (3, 'Zoë O''Brien', 'zoe@example.com');
