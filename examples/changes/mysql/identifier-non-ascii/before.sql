CREATE TABLE `größen` (
  id bigint PRIMARY KEY,
  `Länge` int NOT NULL,
  `名前` varchar(20)
);
INSERT INTO `größen` (id, `Länge`, `名前`) VALUES (1, 10, 'いち'), (2, 20, NULL);
