package integration

import (
	"encoding/json"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// A row on which the question itself fails, because its value cannot be converted, is
// not consistent: verify names it like others, with both values, and contract is held
// by it.
func TestVerifyNamesRowsThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		spoil(t, w)
		h := w.migrate(t, executor.Options{})
		c := w.cli(t, map[string]string{"0007_convert": "-- migrate:down t.label = b\n" +
			"ALTER TABLE t ADD COLUMN b bigint;\nUPDATE t SET b = CAST(label AS " + w.either("bigint", "SIGNED") + ");\nALTER TABLE t DROP COLUMN label;\n"})
		c.run(t, 0, "expand")
		w.behindBack(t, h, "UPDATE t SET label = 'two' WHERE id IN (2, 2999)")
		w.behindBack(t, h, "UPDATE t SET b = 0 WHERE id = 9")

		var all struct{ Tables []executor.Verified }
		p := c.run(t, 1, "verify", "--values", "-o", "json")
		if err := json.Unmarshal([]byte(p.stdout.String()), &all); err != nil {
			t.Fatalf("%v\n%s", err, p.said())
		}
		if len(all.Tables) != 1 || all.Tables[0].Mismatches != 3 || all.Tables[0].Rows != 3000 {
			t.Fatalf("verify finds %+v, want 3 of 3000 rows", all)
		}
		keys := map[string]string{}
		for _, row := range all.Tables[0].Differences {
			for _, v := range row.Values {
				if v.Value != nil {
					keys[row.Key] += v.Column + "=" + *v.Value + " "
				}
			}
		}
		contains(t, keys["id=2"], "label=two", "b=2")
		contains(t, keys["id=2999"], "label=two", "b=2999")
		contains(t, keys["id=9"], "label=9", "b=0")

		c.run(t, 0, "flag", "set", "0007_convert", "full")
		contains(t, c.run(t, 3, "contract", "--override", "soaked=test").said(), "3 inconsistent rows in t")

		w.exec(t, "UPDATE t SET label = '2' WHERE id = 2")
		w.exec(t, "UPDATE t SET label = '2999' WHERE id = 2999")
		c.run(t, 0, "verify", "--repair", "up")
		c.run(t, 0, "contract", "--override", "soaked=test")
	})
}
