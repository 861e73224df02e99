CREATE TABLE `select` (
  id bigint PRIMARY KEY,
  `order` int NOT NULL,
  `group` varchar(20)
);
INSERT INTO `select` (id, `order`, `group`) VALUES (1, 3, 'a'), (2, 1, NULL);
