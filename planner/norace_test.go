//go:build !race

package planner_test

// slower is how much longer code takes than it would by itself.
const slower = 1
