// Package mysql is the dialect of MySQL (8.0 to 9.x) and of MariaDB (10.11 to
// 11.x): it parses migrations with the TiDB parser's grammar, inspects a
// database through information_schema, lowers operations into statements that
// carry the ALGORITHM and LOCK which the server is expected to need, and opens
// sessions for the executor.
//
// Both servers commit after every DDL statement, so each statement of a step
// has a probe that tells whether its effect is there. Both let a table under
// LOCK TABLES … WRITE be altered and get other triggers without anybody in
// between; this is what makes the switch of contract atomic to the app.
//
// What the package relies on was tried on MySQL 9.7 and MariaDB 11.8 and is
// held by tests (facts_test.go):
//   - In a BEFORE INSERT trigger, NEW.c is NULL for an omitted NOT NULL column
//     without default (in MariaDB not for INSERT … SELECT, which fails with
//     1364), and holds the default where there is one.
//   - A trigger that mentions a column which is not there makes every write
//     fail, so triggers go before the columns they mention are renamed.
//   - Renaming columns is INSTANT, several in one ALTER at once; on MySQL not
//     together with indexes, nor for a column that a check mentions.
//   - Adding a check copies the table: MySQL blocks writes for it, MariaDB from
//     11.2 does not.
//   - KILL QUERY makes an UPDATE on MariaDB succeed without a row, and tears lists
//     of triggers, if it comes at the wrong moment (watch.go, spared.go).
package mysql
