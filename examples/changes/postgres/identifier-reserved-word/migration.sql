-- migrate:down "select"."order" = "where" - 1
ALTER TABLE "select" ADD COLUMN "where" bigint;
UPDATE "select" SET "where" = "order"::bigint + 1;
ALTER TABLE "select" ALTER COLUMN "where" SET NOT NULL;
ALTER TABLE "select" DROP COLUMN "order";
ALTER TABLE "select" RENAME COLUMN "group" TO "from";
