-- Not uuid(): a MySQL server with a binary log refuses the naive statement then (error 1674).
ALTER TABLE sessions ADD COLUMN opened_at datetime(6) DEFAULT CURRENT_TIMESTAMP(6);
