ALTER TABLE products MODIFY COLUMN title varchar(60) NOT NULL;
