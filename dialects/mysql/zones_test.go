package mysql

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/planner"
)

// zoneCases are assignments, and what of them depends on the session's time zone.
// seen and at are timestamps, made and day are not.
var zoneCases = []struct{ column, expr, source string }{
	{"at", "seen", ""},
	{"made2", "made", ""},
	{"at", "made", "from made"},
	{"made2", "seen", "from seen"},
	{"at", "from_unixtime(n)", ""},
	{"at", "from_unixtime(if(n > 0, n, 1))", ""},
	{"made2", "from_unixtime(n)", "by FROM_UNIXTIME()"},
	{"day", "from_unixtime(n)", "by FROM_UNIXTIME()"},
	{"note", "from_unixtime(n, '%Y-%m-%d %H')", "by FROM_UNIXTIME()"},
	{"m", "unix_timestamp(seen)", ""},
	{"m", "unix_timestamp(coalesce(seen, from_unixtime(n)))", ""},
	{"m", "unix_timestamp(made)", "by UNIX_TIMESTAMP()"},
	{"m", "unix_timestamp(date(seen))", "by UNIX_TIMESTAMP()"},
	{"at", "from_unixtime(unix_timestamp(made))", "by UNIX_TIMESTAMP()"},
	{"at", "now()", ""},
	{"at", "coalesce(seen, current_timestamp())", ""},
	{"at", "if(n = 0, seen, made)", "from made"},
	{"made2", "coalesce(made2, now())", "by NOW()"},
	{"made2", "localtime()", "by LOCALTIME()"},
	{"made2", "sysdate()", "by SYSDATE()"},
	{"day", "curdate()", "by CURDATE()"},
	{"note", "current_time()", "by CURRENT_TIME()"},
	{"at", "current_date()", "by CURRENT_DATE()"},
	{"made2", "utc_timestamp()", ""},
	{"at", "utc_timestamp()", "by UTC_TIMESTAMP()"},
	{"day", "date(seen)", "from seen"},
	{"m", "hour(seen)", "from seen"},
	{"day", "date(made)", ""},
	{"note", "concat(made, '')", ""},
	{"note", "cast(seen as char)", "from seen"},
	{"at", "date_add(made, interval 1 day)", "from made"},
	{"m", "if(seen is null, 0, 1)", ""},
	{"m", "isnull(seen)", ""},
	{"m", "if(seen < at, 0, 1)", ""},
	{"m", "if(seen < made, 0, 1)", "from seen"},
	{"m", "case when seen > '2024-01-15 12:00:00' then 1 else 2 end", "from seen"},
	{"at", "case when n > 0 then seen else from_unixtime(n) end", ""},
	{"made2", "case n when 0 then made else seen end", "from seen"},
	{"m", "n * 2", ""},
}

const zoneColumns = `id int PRIMARY KEY, n int, m bigint, seen timestamp NULL, at timestamp NULL, made datetime, made2 datetime, day date, note varchar(40)`

func TestTimeZonesAreWarnedOf(t *testing.T) {
	t.Parallel()
	d := &dialect{}
	var columns []planner.Column
	for _, c := range strings.Split(zoneColumns, ", ") {
		f := strings.Fields(c)
		columns = append(columns, planner.Column{Name: f[0], Type: f[1]})
	}
	for _, c := range zoneCases {
		e, err := d.parseExpr(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range d.timeZones(&planner.Sync{
			Table: &planner.Table{Ref: planner.Ref{Name: "z"}}, Columns: columns,
			Groups: []planner.Group{{Up: []planner.Assign{{Column: c.column, Expr: e}}}},
		}) {
			_, source, _ := strings.Cut(h.Message, "made ")
			if i := strings.IndexAny(source, ",:"); i >= 0 {
				source = source[:i]
			}
			got = append(got, source)
		}
		if strings.Join(got, " ") != c.source {
			t.Errorf("%s = %s: warned of %q, not of %q", c.column, c.expr, got, c.source)
		}
	}
}

// What is warned of has another value in another session's zone, and nothing else.
func TestTimeZonesMatter(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE z (" + zoneColumns + ")")
		conn := b.pinned()
		for _, c := range zoneCases {
			// What the row holds, told in one zone; the clock stands still, but for SYSDATE.
			stored := func(zone string) string {
				var got string
				for _, q := range []string{
					"SET time_zone = '+00:00', timestamp = 1705345200", "DELETE FROM z",
					"INSERT INTO z (id, n, seen, at, made) VALUES (1, 1705345200, '2024-01-15 19:00:00', '2024-01-15 20:00:00', '2024-01-15 18:00:00')",
					"SET time_zone = '" + zone + "'", fmt.Sprintf("UPDATE z SET %s = %s", c.column, c.expr), "SET time_zone = '+00:00'",
				} {
					if _, err := conn.ExecContext(t.Context(), q); err != nil {
						t.Fatalf("%v\n%s", err, q)
					}
				}
				if err := conn.QueryRowContext(t.Context(), fmt.Sprintf("SELECT LEFT(%s, 13) FROM z", c.column)).Scan(&got); err != nil {
					t.Fatal(err)
				}
				return got
			}
			utc, east, west := stored("+00:00"), stored("+09:00"), stored("-09:00")
			if (utc != east || utc != west) != (c.source != "") {
				t.Errorf("%s = %s: %s in UTC, %s at +09:00, %s at -09:00", c.column, c.expr, utc, east, west)
			}
		}
		if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), "SET timestamp = DEFAULT"); err != nil {
			t.Error(err)
		}
	})
}
