ALTER TABLE products ADD COLUMN currency varchar(3) DEFAULT 'EUR';
