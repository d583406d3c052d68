package main

// The peer of bench-post bulk: messages from one goroutine to another through a buffered channel.
func bulk(operations int) {
	ch := make(chan int, 1024)
	go func() {
		for i := 0; i < operations; i++ {
			ch <- i
		}
		close(ch)
	}()
	expected := 0
	for value := range ch {
		must(value == expected, "order")
		expected++
	}
	must(expected == operations, "count")
}
