-- A name is split at its first blank, so that joining the parts brings it back:
-- 'Plato' has an empty last name, 'Mary Ann Smith' the last name 'Ann Smith'.
-- migrate:flag customers.split-name
-- migrate:down customers.name = concat(coalesce(first_name, ''), CASE WHEN coalesce(last_name, '') = '' THEN '' ELSE concat(' ', last_name) END)
ALTER TABLE customers ADD COLUMN first_name varchar(200), ADD COLUMN last_name varchar(200);
UPDATE customers SET first_name = substring_index(name, ' ', 1),
                     last_name  = substring(name, char_length(substring_index(name, ' ', 1)) + 2);
ALTER TABLE customers MODIFY COLUMN first_name varchar(200) NOT NULL, MODIFY COLUMN last_name varchar(200) NOT NULL;
ALTER TABLE customers DROP COLUMN name;
