ALTER TABLE products ADD COLUMN subtitle varchar(200);
