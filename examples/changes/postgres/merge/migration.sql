-- migrate:flag addresses.one-line
-- migrate:down addresses.street = split_part(line, ', ', 1)
-- migrate:down addresses.house_number = split_part(line, ', ', 2)
ALTER TABLE addresses ADD COLUMN line text;
UPDATE addresses SET line = street || ', ' || house_number;
ALTER TABLE addresses ALTER COLUMN line SET NOT NULL;
ALTER TABLE addresses DROP COLUMN street, DROP COLUMN house_number;
