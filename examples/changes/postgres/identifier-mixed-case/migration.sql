-- migrate:down "User Profiles"."displayName" = "givenName" || ' ' || "familyName"
ALTER TABLE "User Profiles" ADD COLUMN "givenName" text, ADD COLUMN "familyName" text;
UPDATE "User Profiles" SET "givenName"  = split_part("displayName", ' ', 1),
                           "familyName" = split_part("displayName", ' ', 2);
ALTER TABLE "User Profiles" ALTER COLUMN "givenName" SET NOT NULL;
ALTER TABLE "User Profiles" DROP COLUMN "displayName";
ALTER TABLE "User Profiles" RENAME COLUMN "Favourite ""Colour""" TO "favouriteColour";
