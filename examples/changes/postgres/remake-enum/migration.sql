ALTER TYPE order_status RENAME TO order_status_old;
-- migrate:allow enum-value-removed "what was lost is cancelled"
CREATE TYPE order_status AS ENUM ('new', 'paid', 'cancelled');
ALTER TABLE orders ALTER COLUMN status DROP DEFAULT;
ALTER TABLE orders ALTER COLUMN status TYPE order_status
  USING (CASE status::text WHEN 'lost' THEN 'cancelled' ELSE status::text END)::order_status;
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new';
DROP TYPE order_status_old;
