-- No rows: PostgreSQL itself refuses the naive statement on a table that has some.
CREATE TABLE products (
  id bigint PRIMARY KEY,
  title text NOT NULL
);
