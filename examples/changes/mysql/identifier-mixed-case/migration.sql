-- migrate:down `User Profiles`.`displayName` = concat(`givenName`, ' ', `familyName`)
ALTER TABLE `User Profiles` ADD COLUMN `givenName` varchar(100), ADD COLUMN `familyName` varchar(100);
UPDATE `User Profiles` SET `givenName`  = substring_index(`displayName`, ' ', 1),
                           `familyName` = substring_index(`displayName`, ' ', -1);
ALTER TABLE `User Profiles` MODIFY COLUMN `givenName` varchar(100) NOT NULL;
ALTER TABLE `User Profiles` DROP COLUMN `displayName`;
ALTER TABLE `User Profiles` RENAME COLUMN `Favourite "Colour"` TO `favouriteColour`;
