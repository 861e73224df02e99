package throwaway

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

type postgresRecipe struct{}

var _ recipe = postgresRecipe{}

// postgresDirs are patterns of the places where packages put PostgreSQL's server programs,
// which are usually not in PATH.
var postgresDirs = []string{
	"/usr/lib/postgresql/*/bin",            // Debian, Ubuntu
	"/usr/pgsql-*/bin",                     // PGDG packages for Red Hat
	"/opt/homebrew/opt/postgresql@*/bin",   // macOS on ARM
	"/usr/local/opt/postgresql@*/bin",      // macOS on Intel
	"/usr/libexec/postgresql*",             // Alpine
	"/Applications/Postgres.app/*/*/*/bin", // Postgres.app
}

func (postgresRecipe) users() []string { return []string{"postgres", "nobody"} }

// find takes the newest installed version that fits.
func (postgresRecipe) find(ctx context.Context, version string) (string, error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range postgresDirs {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("looking for PostgreSQL: %w", err)
		}
		dirs = append(dirs, matches...)
	}
	best, bestMajor := "", 0
	var seen []string
	for _, dir := range dirs {
		major, err := postgresMajor(ctx, dir)
		if err != nil {
			continue // a directory without a server, such as one with client programs only
		}
		seen = append(seen, strconv.Itoa(major))
		if (version == "" || version == strconv.Itoa(major)) && major > bestMajor {
			best, bestMajor = dir, major
		}
	}
	if best == "" {
		slices.Sort(seen)
		return "", notInstalled("PostgreSQL", version, slices.Compact(seen))
	}
	return best, nil
}

// notInstalled words what is missing, and what is there instead.
func notInstalled(title, version string, seen []string) error {
	if len(seen) > 0 {
		return fmt.Errorf("%w: %s %s is not installed, only %s", ErrUnavailable, title, version, strings.Join(seen, ", "))
	}
	return fmt.Errorf("%w: %s is not installed", ErrUnavailable, title)
}

// postgresMajor asks the server program in a directory for its major version.
func postgresMajor(ctx context.Context, dir string) (int, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, err
	}
	output, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("asking for the version: %w", err)
	}
	// postgres (PostgreSQL) 17.2 (Debian 17.2-1)
	fields := strings.Fields(string(output))
	if len(fields) < 3 {
		return 0, fmt.Errorf("reading the version %q", output)
	}
	digits := strings.IndexFunc(fields[2]+".", func(r rune) bool { return r < '0' || r > '9' })
	return strconv.Atoi(fields[2][:digits])
}

func (postgresRecipe) initialize(ctx context.Context, bin string, h home, password string) error {
	secret, err := h.writeSecret("password", password+"\n")
	if err != nil {
		return fmt.Errorf("writing the password: %w", err)
	}
	if err := h.run(
		ctx, filepath.Join(bin, "initdb"), "--pgdata="+h.path("data"),
		"--username=postgres", "--pwfile="+secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale="+locale(), "--no-sync",
	); err != nil {
		return err
	}
	return os.Remove(secret)
}

func (postgresRecipe) serve(bin string, h home, port string) []string {
	args := []string{
		filepath.Join(bin, "postgres"), "-D", h.path("data"), "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
	}
	return append(args, ServerArgs(Postgres)...)
}

// shutdown is the immediate one: it recovers nothing, but frees the shared memory.
func (postgresRecipe) shutdown() syscall.Signal { return syscall.SIGQUIT }
