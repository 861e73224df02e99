// Package executor runs a plan on a live database: one executor at a time
// (lease), every step journaled, every lock bounded, every row walked in short
// transactions that carry their own checkpoint. It can be killed at any
// instruction; the next run reads the journal and the probes and goes on.
// It knows plans, not engines: what it needs of a database is Session.
package executor
