CREATE TABLE addresses (
  id bigint PRIMARY KEY,
  street varchar(200) NOT NULL,
  house_number varchar(20) NOT NULL
);
INSERT INTO addresses (id, street, house_number) VALUES
  (1, 'Main Street', '12a'),
  (2, 'Übergasse', '7'),
  (3, 'Rue de l''Église', '101');
