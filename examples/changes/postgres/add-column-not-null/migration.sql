-- migrate:up products.slug = lower(replace(title, ' ', '-'))
ALTER TABLE products ADD COLUMN slug text NOT NULL;
