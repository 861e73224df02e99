package mysql

import "strings"

// quoteName writes an identifier in backquotes.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quoteString writes a string literal that means the same under every sql_mode
// but NO_BACKSLASH_ESCAPES, which no session of ours has.
func quoteString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

func quoteNames(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quoteName(n)
	}
	return strings.Join(out, ", ")
}

func quoteStrings(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = quoteString(v)
	}
	return strings.Join(out, ", ")
}
