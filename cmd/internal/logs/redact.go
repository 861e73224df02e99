package logs

import "regexp"

// mask stands for a secret.
const mask = "xxxxx"

// Where passwords are written in the URLs and connection strings of databases
// and in HTTP. Each pattern keeps its first group, and its last where it has
// two. They rather take too much: a host hidden in a log does less harm than a
// password shown.
var (
	// scheme://user:password@host; the password reaches to the last @ of the
	// word, for it may hold one itself.
	inURL = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@"']*):[^\s]*(@)`)
	// user:password@tcp(host), the connection string of the MySQL driver.
	inDSN = regexp.MustCompile(`([^\s:/@"']+):[^\s]*(@(?:tcp|unix)6?\()`)
	// password=secret and password='se cret', in a query or a connection string.
	inPair = regexp.MustCompile(`(?i)((?:password|passwd|pwd|sslpassword|api_?key|access_?token|secret)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s&'",;)]+)`)
	// Authorization: Bearer token
	inHeader = regexp.MustCompile(`(?i)(authorization:\s*\w+\s+)\S+`)
)

// Redact returns text in which every password that stands in a URL, a
// connection string or an authorization header is masked.
func Redact(text string) string {
	text = inURL.ReplaceAllString(text, "${1}:"+mask+"${2}")
	text = inDSN.ReplaceAllString(text, "${1}:"+mask+"${2}")
	text = inPair.ReplaceAllString(text, "${1}"+mask)
	return inHeader.ReplaceAllString(text, "${1}"+mask)
}
