-- migrate:down `select`.`order` = `where` - 1
ALTER TABLE `select` ADD COLUMN `where` bigint;
UPDATE `select` SET `where` = `order` + 1;
ALTER TABLE `select` MODIFY COLUMN `where` bigint NOT NULL;
ALTER TABLE `select` DROP COLUMN `order`;
ALTER TABLE `select` RENAME COLUMN `group` TO `from`;
