// The service of ours.c on Go's net/http: PORT. HTTP/1.1, and HTTP/2 without TLS.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"
)

type address struct {
	Street  string `json:"street"`
	City    string `json:"city"`
	Zip     string `json:"zip"`
	Country string `json:"country"`
}

type customer struct {
	Name    string  `json:"name"`
	Email   string  `json:"email"`
	Address address `json:"address"`
}

type line struct {
	Sku   string  `json:"sku"`
	Title string  `json:"title"`
	Price float64 `json:"price"`
	Count int64   `json:"count"`
}

type order struct {
	ID       uint64            `json:"id"`
	Placed   time.Time         `json:"placed"`
	Customer customer          `json:"customer"`
	Items    []line            `json:"items"`
	Tags     []string          `json:"tags"`
	Labels   map[string]string `json:"labels"`
	Total    float64           `json:"total"`
	Paid     bool              `json:"paid"`
	Discount *float64          `json:"discount"`
	IP       string            `json:"ip"`
	Note     string            `json:"note"`
	Attempts int64             `json:"attempts"`
	Weights  []float64         `json:"weights"`
	Session  string            `json:"session"`
	Status   string            `json:"status"`
}

// What the record of ours checks, and Go's decoder does not.
func (o *order) check() error {
	if len(o.Note) > 500 || len(o.Customer.Address.Zip) > 10 || len(o.Customer.Address.Country) != 2 {
		return errors.New("a text is too long")
	}
	for _, l := range o.Items {
		if l.Price < 0 || l.Count < 1 {
			return errors.New("a line is wrong")
		}
	}
	switch o.Status {
	case "new", "packed", "sent":
		return nil
	}
	return errors.New("no such status")
}

func echo(w http.ResponseWriter, r *http.Request) {
	var o order
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&o)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(&o)
}

func main() {
	hello := []byte("Hello, world!\n")
	piece := bytes.Repeat([]byte("x"), 10240)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(hello)
	})
	mux.HandleFunc("POST /echo", echo)
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for i := 0; i < 10; i++ {
			w.Write(piece)
		}
	})
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: mux, Protocols: &protocols}
	panic(server.ListenAndServe())
}
