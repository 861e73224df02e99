ALTER TABLE sessions ADD COLUMN token varchar(36) DEFAULT (uuid());
