CREATE TABLE invoices (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers (id),
  number varchar(20) NOT NULL UNIQUE,
  total_cents bigint NOT NULL DEFAULT 0 CHECK (total_cents >= 0),
  issued_at timestamptz NOT NULL DEFAULT now()
);
