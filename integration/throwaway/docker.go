package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// startDocker runs a container through the docker command, which keeps the client library
// out of the binary.
func startDocker(ctx context.Context, engine string, opts Options) (*Server, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, fmt.Errorf("%w: the docker command is not installed", ErrUnavailable)
	}
	if _, err := docker(ctx, nil, "version", "--format", "{{.Server.Version}}"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	image, err := pickImage(ctx, engine, opts.Version)
	if err != nil {
		return nil, err
	}
	password := newPassword()
	bind, host := dockerHost()
	port := "" // of Docker's choice
	if bind == host {
		// One of ours stays the same when the server is started again.
		if port, err = freePort(ctx); err != nil {
			return nil, err
		}
	}
	args := []string{
		"create", "--label", "migrate.throwaway=" + engine,
		"--publish", bind + ":" + port + ":" + engines[engine].port,
	}
	var env []string
	for _, setting := range ContainerEnv(engine, password) {
		name, _, _ := strings.Cut(setting, "=")
		args = append(args, "--env", name) // the value comes from the environment, not from the command line
		env = append(env, setting)
	}
	args = append(append(args, image), ServerArgs(engine)...)
	id, err := docker(ctx, env, args...)
	if err != nil {
		return nil, err
	}
	server := &Server{
		engine: engine,
		source: "docker image " + image,
		kill:   func() error { _, err := docker(context.WithoutCancel(ctx), nil, "kill", id); return err },
		stop: func() error {
			_, err := docker(context.WithoutCancel(ctx), nil, "rm", "--force", "--volumes", id)
			return err
		},
	}
	server.again = func(ctx context.Context) error {
		if _, err := docker(ctx, nil, "start", id); err != nil {
			return err
		}
		return server.awaitContainer(ctx, id, host, password)
	}
	if err := server.again(ctx); err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	return server, nil
}

// awaitContainer finds out the published port and waits for the server behind it.
func (s *Server) awaitContainer(ctx context.Context, id, host, password string) error {
	ports, err := docker(ctx, nil, "port", id, engines[s.engine].port+"/tcp")
	if err != nil {
		return err
	}
	// One line per address family; the port may differ between them, and the first is IPv4.
	first, _, _ := strings.Cut(ports, "\n")
	_, port, err := net.SplitHostPort(first)
	if err != nil {
		return fmt.Errorf("reading the published port %q: %w", first, err)
	}
	s.url = serverURL(s.engine, password, net.JoinHostPort(host, port))
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	died := make(chan struct{})
	go func() {
		// docker wait returns when the container ends, or when ctx does.
		if _, err := docker(ctx, nil, "wait", id); err == nil {
			close(died)
		}
	}()
	if err := AwaitReady(ctx, s.url, died); err != nil {
		log, logErr := docker(context.WithoutCancel(ctx), nil, "logs", "--tail", "15", id)
		return errors.Join(fmt.Errorf("%w\n%s", err, log), logErr)
	}
	return nil
}

// pickImage prefers an image built by make test-images, then the official one, which is
// pulled when it is not there.
func pickImage(ctx context.Context, engine, version string) (string, error) {
	if version == "" {
		version = engines[engine].version
	}
	local := LocalImage(engine, version)
	official := engines[engine].image + ":" + version
	for _, image := range []string{local, official} {
		if _, err := docker(ctx, nil, "image", "inspect", "--format", "{{.Id}}", image); err == nil {
			return image, nil
		}
	}
	if _, err := docker(ctx, nil, "pull", "--quiet", official); err != nil {
		return "", fmt.Errorf("%w: there is no image %s, and %w", ErrUnavailable, local, err)
	}
	return official, nil
}

// LocalImage is the tag of an image built by make test-images.
func LocalImage(engine, version string) string { return "migrate-test/" + engine + ":" + version }

// ContainerEnv is the environment of a container, in the form that the official images and
// those of make test-images share.
func ContainerEnv(engine, password string) []string {
	switch engine {
	case Postgres:
		return []string{"POSTGRES_PASSWORD=" + password}
	case MariaDB:
		return []string{"MARIADB_ROOT_PASSWORD=" + password}
	default:
		return []string{"MYSQL_ROOT_PASSWORD=" + password}
	}
}

// dockerHost gives the address to publish on and the one to reach it at: the loopback
// interface, unless the engine runs on another machine.
func dockerHost() (bind, host string) {
	u, err := url.Parse(os.Getenv("DOCKER_HOST"))
	if err == nil && slices.Contains([]string{"tcp", "http", "https", "ssh"}, u.Scheme) && u.Hostname() != "" {
		return "0.0.0.0", u.Hostname()
	}
	return "127.0.0.1", "127.0.0.1"
}

// docker runs the docker command and returns what it prints.
func docker(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if args[0] == "logs" {
		cmd.Stderr = &stdout // a container's log comes on both
	}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
