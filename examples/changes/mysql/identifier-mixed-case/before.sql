CREATE TABLE `User Profiles` (
  `userId` bigint PRIMARY KEY,
  `displayName` varchar(200) NOT NULL,
  `Favourite "Colour"` varchar(40)
);
INSERT INTO `User Profiles` (`userId`, `displayName`, `Favourite "Colour"`) VALUES
  (1, 'Ada Lovelace', 'green'),
  (2, 'Grace Hopper', NULL);
