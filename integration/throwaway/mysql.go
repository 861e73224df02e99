package throwaway

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// mysqlRecipe serves MySQL and MariaDB, which differ in the initialization and in the names
// of their programs; both may call the server mysqld.
type mysqlRecipe struct{ engine string }

var _ recipe = mysqlRecipe{}

// mysqlDirs are the places of server programs outside of PATH.
var mysqlDirs = []string{
	"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/mysql/bin",
	"/opt/homebrew/bin", "/opt/homebrew/opt/mysql/bin", "/opt/homebrew/opt/mariadb/bin",
	"/usr/local/opt/mysql/bin", "/usr/local/opt/mariadb/bin",
	"/opt/migrate-test-mysql/bin", // where make demo puts it on Debian, which has no package
}

func (mysqlRecipe) users() []string { return []string{"mysql", "nobody"} }

func (r mysqlRecipe) programs() []string {
	if r.engine == MariaDB {
		return []string{"mariadbd", "mysqld"}
	}
	return []string{"mysqld"}
}

// find returns the path of the server program itself.
func (r mysqlRecipe) find(ctx context.Context, version string) (string, error) {
	var seen []string
	for _, name := range r.programs() {
		// All of PATH, not its first match: MariaDB may have its own mysqld in front.
		for _, dir := range slices.Concat(filepath.SplitList(os.Getenv("PATH")), mysqlDirs) {
			path, err := exec.LookPath(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			engine, number, err := mysqlVersion(ctx, path)
			if err != nil || engine != r.engine {
				continue
			}
			if version == "" || number == version || strings.HasPrefix(number, version+".") {
				return path, nil
			}
			if !slices.Contains(seen, number) {
				seen = append(seen, number)
			}
		}
	}
	return "", notInstalled(engines[r.engine].title, version, seen)
}

var mysqlNumber = regexp.MustCompile(`Ver (\d+\.\d+\.\d+)`)

// mysqlVersion asks a server program which engine and version it is:
//
//	mysqld  Ver 9.7.0 for Linux on x86_64 (Debian)
//	mariadbd  Ver 11.8.3-MariaDB for debian-linux-gnu on x86_64
func mysqlVersion(ctx context.Context, path string) (engine, number string, err error) {
	output, err := exec.CommandContext(ctx, path, "--no-defaults", "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("asking %s for its version: %w", path, err)
	}
	match := mysqlNumber.FindStringSubmatch(string(output))
	if match == nil {
		return "", "", fmt.Errorf("reading the version of %s", path)
	}
	if strings.Contains(string(output), "MariaDB") {
		return MariaDB, match[1], nil
	}
	return MySQL, match[1], nil
}

// initialize makes the system tables, and a file that the server runs before it opens its
// port, so that nobody can connect before root has a password.
func (r mysqlRecipe) initialize(ctx context.Context, bin string, h home, password string) error {
	// The password is made of letters and digits.
	statements := fmt.Sprintf("CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '%[1]s';\n"+
		"ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '%[1]s';\n"+
		"GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"+
		"ALTER USER 'root'@'localhost' IDENTIFIED BY '%[1]s';\n", password)
	if _, err := h.writeSecret("init.sql", statements); err != nil {
		return fmt.Errorf("writing the first statements: %w", err)
	}
	if r.engine == MySQL {
		return h.run(ctx, bin, "--no-defaults", "--datadir="+h.path("data"), "--initialize-insecure",
			"--secure-file-priv=", "--log-error-verbosity=1")
	}
	installer, ok := firstExecutable([]string{
		"mariadb-install-db", "mysql_install_db",
		filepath.Join(filepath.Dir(bin), "..", "bin", "mariadb-install-db"),
		filepath.Join(filepath.Dir(bin), "..", "scripts", "mariadb-install-db"),
	})
	if !ok {
		return fmt.Errorf("%w: mariadb-install-db is not installed", ErrUnavailable)
	}
	return h.run(ctx, installer, "--no-defaults", "--datadir="+h.path("data"),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
}

func (r mysqlRecipe) serve(bin string, h home, port string) []string {
	args := []string{
		bin, "--no-defaults", "--datadir=" + h.path("data"), "--port=" + port,
		"--bind-address=127.0.0.1", "--socket=" + h.path("sock"), "--pid-file=" + h.path("pid"),
		"--init-file=" + h.path("init.sql"), "--skip-name-resolve",
	}
	if r.engine == MySQL {
		args = append(args, "--secure-file-priv=", "--mysqlx=OFF")
	}
	return append(args, ServerArgs(r.engine)...)
}

func (mysqlRecipe) shutdown() syscall.Signal { return syscall.SIGTERM }
