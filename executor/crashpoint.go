//go:build !crashpoints || !unix

package executor

// crashpoint marks an instant at which a crash would leave the database as it
// is between two writes. Built with the tag crashpoints (crashpoint_kill.go) the
// process can be told to die there; without it this is nothing.
func crashpoint(string) {}
