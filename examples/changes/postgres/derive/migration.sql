ALTER TABLE order_lines ADD COLUMN total_cents bigint;
UPDATE order_lines SET total_cents = quantity::bigint * price_cents;
