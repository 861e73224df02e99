package plan

import "strings"

// reads ends a touch that only reads: two readers do not meet.
const reads = "?"

// Reading is a touch that leaves the thing as it is.
func Reading(touch string) string { return touch + reads }

// Meet reports whether two of Plan.Touches are about the same thing, and at
// least one of them changes it.
func Meet(a, b string) bool {
	a, aReads := strings.CutSuffix(a, reads)
	b, bReads := strings.CutSuffix(b, reads)
	return (!aReads || !bReads) && (a == b || covers(a, b) || covers(b, a))
}

// TouchedName writes a touch as people read it.
func TouchedName(touch string) string {
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(touch, reads), "*"), ".")
}

// covers reports whether a is "table.*" and b something of that table.
func covers(a, b string) bool {
	prefix, ok := strings.CutSuffix(a, "*")
	return ok && strings.HasPrefix(b, prefix)
}
