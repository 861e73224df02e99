CREATE TABLE "select" (
  id bigint PRIMARY KEY,
  "order" integer NOT NULL,
  "group" text
);
INSERT INTO "select" (id, "order", "group") VALUES (1, 3, 'a'), (2, 1, NULL);
