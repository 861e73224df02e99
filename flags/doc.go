// Package flags tells which path an application takes while two shapes of a
// table are live: the old one, or the new one that a migration opened.
//
// A flag is read as a definition (off, 25%, full), not as a sample of
// evaluations: a thousand requests that took the new path do not prove that the
// next one will, and contracting the old shape needs that proof. The definition
// is a [Rollout]; a [Source] is a place where it is kept:
//
//   - [Table], the table that migrate keeps in the target database,
//   - [Env], environment variables,
//   - [FlagdFile], a flagd definition file in JSON.
//
// A source that cannot tell answers [Unknown] with a reason. Unknown passes no
// gate and turns nothing on.
//
// Applications ask a [Client], which caches a source and puts each unit (a
// customer, a request, whatever must stay on one path) in one of 100 buckets:
//
//	paths := flags.NewClient(flags.NewTable(db, flags.InSchema("migrate")), flags.ClientConfig{})
//	if paths.Enabled(ctx, "users.split-name", customerID) {
//		// read and write first_name, last_name
//	} else {
//		// read and write name
//	}
//
// The package imports the standard library only. The OpenFeature provider is in
// package flags/openfeature.
package flags
