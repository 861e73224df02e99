-- MySQL copies the table to add a check, and its writers wait; MariaDB does not.
-- migrate:allow constraint-validated-under-lock "the table is small"
ALTER TABLE products ADD CONSTRAINT products_price_not_negative CHECK (price_cents >= 0);
