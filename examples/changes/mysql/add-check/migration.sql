ALTER TABLE products ADD CONSTRAINT products_price_not_negative CHECK (price_cents >= 0);
