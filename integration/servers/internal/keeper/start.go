package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// answerTimeout is how long a server that runs may take to answer one query.
const answerTimeout = 10 * time.Second

// answers makes the check of a server that runs.
func answers(databaseURL string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		return throwaway.AwaitReady(ctx, databaseURL, nil) == nil
	}
}

// startServer takes a server from Docker, else from installed binaries.
func startServer(ctx context.Context, request wire.Request) (*server, error) {
	fromDocker, dockerErr := startContainer(ctx, request)
	if dockerErr == nil {
		return fromDocker, nil
	}
	installed, err := startInstalled(ctx, request)
	if err == nil {
		return &server{url: installed.URL(), source: installed.Source(), stop: installed.Stop, alive: answers(installed.URL())}, nil
	}
	return nil, fmt.Errorf("docker: %w\n%w", dockerErr, err)
}

// startInstalled prefers the version of the request to others.
func startInstalled(ctx context.Context, request wire.Request) (*throwaway.Server, error) {
	var err error
	for _, version := range []string{request.Version, ""} {
		var installed *throwaway.Server
		installed, err = throwaway.Start(ctx, request.Engine, throwaway.Options{
			Version: version,
			Sources: []throwaway.Source{throwaway.Binaries},
		})
		if err == nil {
			return installed, nil
		}
	}
	// The advice in throwaway's message is for demos; here the causes are what counts.
	var start *throwaway.StartError
	if errors.As(err, &start) {
		err = errors.Join(start.Causes...)
	}
	return nil, err
}
