//go:build race

package planner_test

// slower is how much longer code takes under the race detector.
const slower = 10
