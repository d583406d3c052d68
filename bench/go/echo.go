package main

import (
	"io"
	"net"
	"os"
	"sync"
)

// The peer of bench/echo.c: a goroutine per connection, on the listening socket that is descriptor 3.
func serveEcho(connections int) {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	must(err == nil, "listen")
	var wg sync.WaitGroup
	for i := 0; i < connections; i++ {
		conn, err := listener.Accept()
		must(err == nil, "accept")
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer conn.Close()
			buffer := make([]byte, 4096)
			for {
				n, err := conn.Read(buffer)
				if err == io.EOF {
					return
				}
				must(err == nil, "read")
				_, err = conn.Write(buffer[:n])
				must(err == nil, "write")
			}
		}()
	}
	wg.Wait()
}
