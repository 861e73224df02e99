package mysql

import (
	"fmt"
	"strings"
	"testing"

	sqldriver "github.com/go-sql-driver/mysql"
)

// TestOutgrownRebuildSaysWhatToDo: the server's own message, as MySQL 9.7 was seen
// to write it, says to try again, which fails again.
func TestOutgrownRebuildSaysWhatToDo(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("running: %w", &sqldriver.MySQLError{
		Number: errOnlineLog, Message: "Creating index 'c1' required more than 'innodb_online_alter_log_max_size' bytes of modification log. Please try again.",
	})
	got := (&session{}).Redact(err).Error()
	for _, want := range []string{"running: ", "Creating index 'c1'", "SET GLOBAL innodb_online_alter_log_max_size to more", "at a quieter hour"} {
		if !strings.Contains(got, want) {
			t.Errorf("the error lacks %q: %s", want, got)
		}
	}
}
