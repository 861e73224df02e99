package plan

// Question is something that a plan would like to know of the rows before
// anything is changed: which of them a transform fails on, or will be in the way
// of a constraint. It reads and never writes. Whoever asks bounds the time.
type Question struct {
	// Rule and Severity are those of the hazard that a bad answer becomes.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Pos
	// Message says what is wrong with the rows, to follow "3 rows of users ":
	// "have no value in email, which is to be NOT NULL".
	Message string `json:"message"`
	Instead string `json:"instead"`
	// Table is the table as people read it.
	Table string `json:"table"`
	// Walk counts the rows in question piece by piece; a piece that fails with a
	// row's value counts that row. Nil: Count is asked at once.
	Walk *Chunks `json:"walk,omitempty"`
	// Count is a query of two numbers, the rows in question and all rows, for
	// what cannot be told from a piece of the table. Sample lists the keys of a
	// few of them, in the columns that Key names.
	Count  string   `json:"count,omitempty"`
	Sample string   `json:"sample,omitempty"`
	Key    []string `json:"key,omitempty"`
	// All is the query that shows them all; empty where no query can, because it
	// would fail on them.
	All string `json:"all,omitempty"`
	// Allowed says that a migrate:allow directive acknowledges it, and Reason why.
	Allowed bool   `json:"allowed,omitempty"`
	Reason  string `json:"reason,omitempty"`
}
