package main

import (
	"fmt"
	"io"
	"net"

	"grpcbench/testing/floor"
)

const sinkRole = "sink"

// sink is a process that serves package floor's sink, prints its address, and ends
// with its standard input.
func sink(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, in) // whatever ends it
		_ = l.Close()
	}()
	for {
		n, err := l.Accept()
		if err != nil {
			return nil
		}
		go func() {
			_ = floor.Serve(n) // ends with its client
			_ = n.Close()      // it has ended
		}()
	}
}
