package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/jetonkit/jeton/config"
)

// onHangup takes the keys of the file again with each SIGHUP, until ctx has ended.
func (s *server) onHangup(ctx context.Context, file string) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				s.reload(ctx, file)
			}
		}
	}()
}

// reload takes the keys of the file; with a mistake in it all stays as it was.
func (s *server) reload(ctx context.Context, file string) {
	cfg, err := config.Load(ctx, file)
	if err == nil {
		s.program(cfg)
		err = s.stack.Reload(ctx, cfg)
	}
	if err != nil {
		s.log.Error("keys stay as they were", "error", err)
		return
	}
	s.log.Info("keys are those of the file", "signing", s.stack.Keys.Keys().Signing)
}
