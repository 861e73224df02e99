ALTER TABLE customers MODIFY COLUMN email varchar(200) NOT NULL;
