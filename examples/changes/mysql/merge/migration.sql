-- migrate:flag addresses.one-line
-- migrate:down addresses.street = substring_index(line, ', ', 1)
-- migrate:down addresses.house_number = substring_index(line, ', ', -1)
ALTER TABLE addresses ADD COLUMN line varchar(222);
UPDATE addresses SET line = concat(street, ', ', house_number);
ALTER TABLE addresses MODIFY COLUMN line varchar(222) NOT NULL;
ALTER TABLE addresses DROP COLUMN street, DROP COLUMN house_number;
