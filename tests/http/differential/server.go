// net/http with a handler that reads the body: what its defaults make of the corpus.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	server := &http.Server{
		Addr:     "127.0.0.1:" + os.Args[1],
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, "body", http.StatusBadRequest)
				return
			}
			fmt.Fprintf(w, "%s %s %d", r.Method, r.RequestURI, len(body))
		}),
	}
	log.Fatal(server.ListenAndServe())
}
