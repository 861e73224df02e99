CREATE TABLE pages (
  id bigint PRIMARY KEY,
  hits int NOT NULL DEFAULT 0,
  last_visitor int
);
INSERT INTO pages (id, hits, last_visitor) VALUES (1, 0, NULL), (2, 2147483647, 7), (3, -2147483648, 0);
