package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// ownerLabel marks the containers of a keeper with its directory, so that the next keeper of
// the same user finds those of one that was killed. It replaces testcontainers' reaper, whose
// image may not be had where no registry answers.
const ownerLabel = "migrate-test.keeper"

// readyTimeout bounds the time from a container's start to its first answer.
const readyTimeout = 3 * time.Minute

// sharedMemory is the size of /dev/shm in bytes: PostgreSQL's parallel workers outgrow
// Docker's default of 64 MiB.
const sharedMemory = 1 << 30

// layout is where an engine's image listens and keeps its data.
type layout struct {
	port string
	user string
	path string // the initial database, as a URL's path
	data string
}

var layouts = map[string]layout{
	throwaway.Postgres: {port: "5432", user: "postgres", path: "/postgres", data: "/pgdata"},
	throwaway.MySQL:    {port: "3306", user: "root", path: "/mysql", data: "/var/lib/mysql"},
	throwaway.MariaDB:  {port: "3306", user: "root", path: "/mysql", data: "/var/lib/mysql"},
}

// officialTags are the tags of official images that differ from the version.
var officialTags = map[string]string{"mariadb:11.8": "mariadb:11"}

// startContainer runs a server in a container, with its data in memory.
func startContainer(ctx context.Context, request wire.Request) (*server, error) {
	place, ok := layouts[request.Engine]
	if !ok {
		return nil, fmt.Errorf("unknown engine %q", request.Engine)
	}
	image, err := pickImage(ctx, request)
	if err != nil {
		return nil, err
	}
	owner, err := wire.Dir()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	env := map[string]string{"PGDATA": place.data}
	for _, setting := range throwaway.ContainerEnv(request.Engine, password) {
		name, value, _ := strings.Cut(setting, "=")
		env[name] = value
	}
	c, err := testcontainers.Run(
		ctx, image,
		testcontainers.WithEnv(env),
		testcontainers.WithCmd(throwaway.ServerArgs(request.Engine)...),
		testcontainers.WithLabels(map[string]string{ownerLabel: owner}),
		testcontainers.WithTmpfs(map[string]string{place.data: "rw"}),
		testcontainers.WithExposedPorts(place.port+"/tcp"),
		testcontainers.WithHostConfigModifier(func(config *container.HostConfig) {
			config.ShmSize = sharedMemory
		}),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("running image %s: %w", image, err), remove(ctx, c))
	}
	databaseURL, err := await(ctx, c, request.Engine, place, password)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("running image %s: %w", image, err), remove(ctx, c))
	}
	return &server{
		url:    databaseURL,
		source: "docker image " + image,
		stop:   func() error { return remove(ctx, c) },
		alive:  answers(databaseURL),
	}, nil
}

// await waits until the server answers and returns its URL.
func await(ctx context.Context, c *testcontainers.DockerContainer, engine string, place layout, password string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	address, err := reach(ctx, c, place.port)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, lastLog(context.WithoutCancel(ctx), c))
	}
	u := url.URL{
		Scheme: engine,
		User:   url.UserPassword(place.user, password),
		Host:   address,
		Path:   place.path,
	}
	if engine == throwaway.Postgres {
		u.RawQuery = "sslmode=disable"
	}
	if err := throwaway.AwaitReady(ctx, u.String(), nil); err != nil {
		return "", fmt.Errorf("%w\n%s", err, lastLog(context.WithoutCancel(ctx), c))
	}
	return u.String(), nil
}

// reach finds the address at which the published port can be reached: mostly the loopback
// interface, but another host when the engine is remote or this process runs in a container
// beside the servers. Trying is surer than guessing from the environment.
func reach(ctx context.Context, c *testcontainers.DockerContainer, containerPort string) (string, error) {
	host, err := c.Host(ctx)
	if err != nil {
		return "", fmt.Errorf("asking for the host: %w", err)
	}
	port, err := c.MappedPort(ctx, containerPort+"/tcp")
	if err != nil {
		return "", fmt.Errorf("asking for the port: %w", err)
	}
	dialer := net.Dialer{Timeout: time.Second}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		for _, host := range []string{"127.0.0.1", host} {
			address := net.JoinHostPort(host, port.Port())
			connection, err := dialer.DialContext(ctx, "tcp", address)
			if err == nil {
				return address, connection.Close()
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("reaching port %s on 127.0.0.1 or %s: %w", port.Port(), host, ctx.Err())
		case <-ticker.C:
		}
	}
}

// lastLog returns the end of a container's log.
func lastLog(ctx context.Context, c *testcontainers.DockerContainer) string {
	logs, err := c.Logs(ctx)
	if err != nil {
		return ""
	}
	defer func() { _ = logs.Close() }()
	text, err := io.ReadAll(logs)
	if err != nil {
		return ""
	}
	const limit = 2000
	return string(text[max(0, len(text)-limit):])
}

// remove ends a container at once: its data is not needed any more.
func remove(ctx context.Context, c *testcontainers.DockerContainer) error {
	if c == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := c.Terminate(ctx, testcontainers.StopContext(ctx), testcontainers.StopTimeout(0)); err != nil {
		return fmt.Errorf("removing a container: %w", err)
	}
	return nil
}

// pickImage prefers what the request says, then an image of make test-images, then the
// official one, which testcontainers pulls when it is missing.
func pickImage(ctx context.Context, request wire.Request) (string, error) {
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return "", fmt.Errorf("connecting to the engine: %w", err)
	}
	defer func() { _ = engine.Close() }()
	if request.Image != "" {
		return request.Image, nil
	}
	local := throwaway.LocalImage(request.Engine, request.Version)
	if _, err := engine.ImageInspect(ctx, local); err == nil {
		return local, nil
	}
	official := request.Engine + ":" + request.Version
	if tag, ok := officialTags[official]; ok {
		official = tag
	}
	return official, nil
}

// removeLeftovers removes the containers of a keeper of this user that was killed.
func removeLeftovers(ctx context.Context) error {
	owner, err := wire.Dir()
	if err != nil {
		return err
	}
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil //nolint:nilerr // without an engine there are no containers
	}
	defer func() { _ = engine.Close() }()
	found, err := engine.ContainerList(ctx, client.ContainerListOptions{
		All:     true,
		Filters: make(client.Filters).Add("label", ownerLabel+"="+owner),
	})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	var errs []error
	for _, c := range found.Items {
		_, err := engine.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
