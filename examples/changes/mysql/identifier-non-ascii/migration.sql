-- migrate:down `größen`.`Länge` = `Länge in mm` div 10
ALTER TABLE `größen` ADD COLUMN `Länge in mm` bigint;
UPDATE `größen` SET `Länge in mm` = `Länge` * 10;
ALTER TABLE `größen` MODIFY COLUMN `Länge in mm` bigint NOT NULL;
ALTER TABLE `größen` DROP COLUMN `Länge`;
ALTER TABLE `größen` RENAME COLUMN `名前` TO `ονομα`;
