package throwaway

import "slices"

// serverArgs make a server quick to test on and otherwise leave it as people run it: the
// binary log, the isolation level and the SQL mode keep their defaults.
var serverArgs = map[string][]string{
	Postgres: {
		"-c", "max_connections=300",
		"-c", "shared_buffers=256MB",
		"-c", "max_wal_size=4GB",
		"-c", "fsync=off", // the data may go when the machine does
	},
	MySQL: {
		"--max-connections=300",
		"--innodb-buffer-pool-size=512M",
		"--innodb-flush-log-at-trx-commit=2",
		"--sync-binlog=0",
		// Who holds the lock that a statement waits for is asked of this instrument.
		"--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON",
	},
	MariaDB: {
		"--max-connections=300",
		"--innodb-buffer-pool-size=512M",
		"--innodb-flush-log-at-trx-commit=2",
		// Before 11.6 the server's own default is latin1, which Debian's configuration changes.
		"--character-set-server=utf8mb4",
		// As on MySQL, where it is on by default.
		"--performance-schema=ON",
		"--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON",
	},
}

// ServerArgs are the arguments that a throwaway server of the engine is run with, besides
// those that say where its data is and where it listens.
func ServerArgs(engine string) []string { return slices.Clone(serverArgs[engine]) }
