-- Zero is what the naive statement gives the rows that exist (the type's implicit default).
-- migrate:up products.weight_grams = 0
ALTER TABLE products ADD COLUMN weight_grams int NOT NULL;
