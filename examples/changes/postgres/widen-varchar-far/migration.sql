-- On PostgreSQL a longer limit is free, however long.
ALTER TABLE notes ALTER COLUMN title TYPE varchar(300);
