//go:build !crashpoints || !unix

package executor

// crashpoint marks an instant at which a crash would leave the database as it
// is between two writes. Built with the tag crashpoints (crashpoint_kill.go) the
// process can be told to die there; without it this is nothing.
func crashpoint(string) {}

// messages are what statements go to the server in. With the tag each is one of its
// own, as if the server could die with every one.
func messages(statements []string) [][]string {
	if len(statements) == 0 {
		return nil
	}
	return [][]string{statements}
}
