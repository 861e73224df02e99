package keeper

import (
	"context"
	"errors"
	"fmt"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// startServer takes a server from Docker, else from installed binaries.
func startServer(ctx context.Context, request wire.Request) (*server, error) {
	fromDocker, dockerErr := startContainer(ctx, request)
	if dockerErr == nil {
		return fromDocker, nil
	}
	installed, err := startInstalled(ctx, request)
	if err == nil {
		return &server{url: installed.URL(), source: installed.Source(), stop: installed.Stop}, nil
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
