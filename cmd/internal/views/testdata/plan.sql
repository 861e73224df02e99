-- Plan of 0007_split_name for postgres 17.5.
-- flag users.split-name, soak 10m, grace 24h.
-- Fingerprint f00d.
-- These are the statements that migrate will run. It adds what a script cannot: gates, a journal,
-- retries, and chunks with checkpoints. Read it; do not run it.
-- before expand: old versions of the app run; new ones must wait for expand.
-- expand, backfill: old versions of the app run; no lock is waited for longer than its timeout; new
-- ones must wait: rows are being filled (gate flag-off).
-- open: old versions of the app run, and read what new versions write (shadow writes); new ones
-- run; so does going back to the old version.
-- contract: old versions of the app must be gone, as the gates prove: flag-full, soaked,
-- backfilled, verified; new ones run; no lock is waited for longer than its timeout.
-- grace, 24h: old versions of the app fail, loudly, where they use what is gone; migrate rollback
-- brings it back; new ones run.
-- after: old versions of the app fail, or are rejected, where they use the old shape; new ones run.
--
-- error missing-down at migrations/0007_split_name.sql:8:19: new versions cannot leave out
-- users.name, which is NOT NULL and has no default
-- instead: say with migrate:down what old versions read in it
--
-- info insert-without-column-list at migrations/0007_split_name.sql:4:1: the columns stand at the
-- end of the table
-- allowed: nobody writes INSERT without a column list | @team

-- ========================================================================
-- EXPAND: migrate expand, before the rollout; gate: flag-off
-- ========================================================================

-- expand-1: add columns users.first_name, users.last_name
-- the new shape needs them, and old writers may leave them out
-- lock: ACCESS EXCLUSIVE on users; work: metadata, instant; lock timeout 300ms, statement timeout
-- 5s
ALTER TABLE "users" ADD COLUMN "first_name" text, ADD COLUMN "last_name" text;
-- undo:
--   ALTER TABLE "users" DROP COLUMN "first_name", DROP COLUMN "last_name";

-- ========================================================================
-- BACKFILL: migrate expand, in small pieces, beside the traffic; gate: flag-off
-- ========================================================================

-- backfill-1: fill users.first_name, users.last_name
-- lock: ROW EXCLUSIVE on users; work: chunks, seconds, ~1,234,567 rows; lock timeout 300ms
-- run piece by piece, each in a transaction of its own
UPDATE "users" SET "first_name" = split_part("name", ' ', 1) WHERE ctid >= $1 AND ctid < $2;

-- ========================================================================
-- CONTRACT: migrate contract, after the rollout; gates: flag-full, soaked, backfilled, verified
-- ========================================================================

-- contract-1: prove that users.first_name has no NULL
-- validated online, so that SET NOT NULL need not scan
-- lock: SHARE UPDATE EXCLUSIVE on users; work: scan, minutes, ~1,234,567 rows, 13 GB; lock timeout
-- 300ms
ALTER TABLE "users" VALIDATE CONSTRAINT "users_first_name_nn";
ALTER TABLE "users" ALTER COLUMN "first_name" SET NOT NULL;
-- undo:
--   ALTER TABLE "users" ALTER COLUMN "first_name" DROP NOT NULL;

-- contract-2: drop users.name
-- lock: ACCESS EXCLUSIVE on users; work: metadata, instant
-- after the grace
ALTER TABLE "users" DROP COLUMN "~name";

-- Plan of 0008_add_note for postgres 17.5.
-- flag 0008_add_note, soak 1h30m, grace 0s, shadow writes by the app.
-- Fingerprint beef.
-- These are the statements that migrate will run. It adds what a script cannot: gates, a journal,
-- retries, and chunks with checkpoints. Read it; do not run it.
-- before expand: old versions of the app run; new ones must wait for expand.
-- expand: old versions of the app run; no lock is waited for longer than its timeout; new ones must
-- wait for its end.
-- after: old versions of the app run; new ones run.

-- ========================================================================
-- EXPAND: migrate expand, before the rollout
-- ========================================================================

-- expand-1: add column users.note
-- lock: ACCESS EXCLUSIVE on users; work: metadata, instant
ALTER TABLE "users" ADD COLUMN "note" text;
