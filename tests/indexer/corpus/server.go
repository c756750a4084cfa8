// Package server is a small service.
package server

import (
	"context"
	"fmt"
)

const Version = "1.0"

const (
	StatusOpen Status = iota
	StatusDone
	_
	Low, High = 1, 10
)

var ErrClosed = fmt.Errorf("closed")

type Status int

type Names = []string

type (
	Handler func(ctx context.Context) error

	Store interface {
		Get(ctx context.Context, key string) (string, error)
		Close() error
	}
)

type Server struct {
	store   Store
	handler Handler
}

type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

func New(store Store) *Server {
	return &Server{store: store}
}

func (s *Server) Run(ctx context.Context) error {
	type result struct {
		err error
	}
	done := make(chan result, 1)
	go func() {
		done <- result{s.handler(ctx)}
	}()
	return (<-done).err
}

func (s Status) String() string { return fmt.Sprint(int(s)) }

func (p *Pair[K, V]) Swap(v V) V {
	p.Value, v = v, p.Value
	return v
}

func Map[T, U any](in []T, f func(T) U) []U {
	const size = 8
	out := make([]U, 0, size)
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

func init() {}
