-- On a table of size MySQL wants this acknowledged, for it copies the table while writers wait:
-- put migrate:allow constraint-validated-under-lock "reason" in a comment of its own, here.
ALTER TABLE products ADD CONSTRAINT products_price_not_negative CHECK (price_cents >= 0);
