CREATE TABLE "User Profiles" (
  "userId" bigint PRIMARY KEY,
  "displayName" text NOT NULL,
  "Favourite ""Colour""" text
);
INSERT INTO "User Profiles" ("userId", "displayName", "Favourite ""Colour""") VALUES
  (1, 'Ada Lovelace', 'green'),
  (2, 'Grace Hopper', NULL);
