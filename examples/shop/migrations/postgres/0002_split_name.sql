-- A name is split at its first blank, so that joining the parts brings it back:
-- 'Plato' has an empty last name, 'Mary Ann Smith' the last name 'Ann Smith'.
-- migrate:flag customers.split-name
-- migrate:down customers.name = coalesce(first_name, '') || CASE WHEN coalesce(last_name, '') = '' THEN '' ELSE ' ' || last_name END
ALTER TABLE customers ADD COLUMN first_name text, ADD COLUMN last_name text;
UPDATE customers SET first_name = split_part(name, ' ', 1),
                     last_name  = substr(name, length(split_part(name, ' ', 1)) + 2);
ALTER TABLE customers ALTER COLUMN first_name SET NOT NULL, ALTER COLUMN last_name SET NOT NULL;
ALTER TABLE customers DROP COLUMN name;
