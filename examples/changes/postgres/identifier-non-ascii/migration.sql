-- migrate:down "größen"."Länge" = "Länge in mm" / 10
ALTER TABLE "größen" ADD COLUMN "Länge in mm" bigint;
UPDATE "größen" SET "Länge in mm" = "Länge"::bigint * 10;
ALTER TABLE "größen" ALTER COLUMN "Länge in mm" SET NOT NULL;
ALTER TABLE "größen" DROP COLUMN "Länge";
ALTER TABLE "größen" RENAME COLUMN "名前" TO "ονομα";
