CREATE TABLE "größen" (
  id bigint PRIMARY KEY,
  "Länge" integer NOT NULL,
  "名前" text
);
INSERT INTO "größen" (id, "Länge", "名前") VALUES (1, 10, 'いち'), (2, 20, NULL);
