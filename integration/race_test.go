//go:build race

package integration

// raceFlags build the program as the test is built, so that what was compiled is used again.
var raceFlags = []string{"-race"}
