-- migrate:flag users.split-name
-- migrate:down users.name = concat(first_name, ' ', last_name)
ALTER TABLE users ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
UPDATE users SET first_name = substring_index(name, ' ', 1),
                 last_name  = substring_index(name, ' ', -1);
ALTER TABLE users MODIFY COLUMN first_name varchar(100) NOT NULL;
ALTER TABLE users DROP COLUMN name;
