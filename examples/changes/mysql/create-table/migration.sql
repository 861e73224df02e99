CREATE TABLE invoices (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id bigint NOT NULL,
  number varchar(20) NOT NULL,
  total_cents bigint NOT NULL DEFAULT 0,
  issued_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  UNIQUE KEY invoices_number (number),
  KEY invoices_customer (customer_id),
  CONSTRAINT invoices_customer FOREIGN KEY (customer_id) REFERENCES customers (id),
  CONSTRAINT invoices_total CHECK (total_cents >= 0)
);
