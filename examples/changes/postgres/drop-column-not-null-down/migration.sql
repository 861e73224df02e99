-- migrate:down customers.initial = left(name, 1)
ALTER TABLE customers DROP COLUMN initial;
