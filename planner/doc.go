// Package planner turns a migration file into a plan. It reads the file through
// a dialect's parser, sorts its changes into widening and narrowing ones, finds
// the columns that both shapes must share, and orders the operations so that
// every state between is one in which old and new versions of an app can work.
// It is pure: a file, an inspected schema and a dialect in, a plan out.
package planner
