// The peer of bench/tasks.c and bench/parked.c: the same measurements under the same names.
//
//	peer NAME OPERATIONS [TASKS]
//
// Prints what one operation costs: nanoseconds of CPU time, or bytes. A tenth of the work is done first, unmeasured.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// CPU time of all threads of the process, by the same clock as in measure.h.
func cpuNanoseconds() float64 {
	const clockProcessCPUTime = 2
	var t syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockProcessCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return float64(t.Sec)*1e9 + float64(t.Nsec)
}

func residentBytes() float64 {
	status, err := os.ReadFile("/proc/self/status")
	must(err == nil, "status")
	kib := 0.0
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmPTE:") {
			n, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			kib += n
		}
	}
	return kib * 1024
}

func must(ok bool, doing string) {
	if !ok {
		fmt.Fprintln(os.Stderr, "peer:", doing)
		os.Exit(1)
	}
}

func yieldInTasks(tasks, times int) {
	var wg sync.WaitGroup
	for i := 0; i < tasks; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := 0; j < times; j++ {
				runtime.Gosched()
			}
		}()
	}
	wg.Wait()
}

func spawnInGroups(operations, tasks int) {
	count := 0 // one processor: one goroutine at a time
	for i := 0; i < operations/tasks; i++ {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for j := 0; j < tasks; j++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if ctx.Err() == nil {
					count++
				}
			}()
		}
		wg.Wait()
		cancel()
	}
	must(count == operations/tasks*tasks, "count")
}

func hop(operations int) {
	ch := make(chan int)
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

func limit(times int) {
	for i := 0; i < times; i++ {
		_, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		cancel()
	}
}

// Nanoseconds to stop and join tasks that sleep.
func cancelSleepers(tasks int) float64 {
	ctx, cancel := context.WithCancel(context.Background())
	begun := 0 // one processor: one goroutine at a time
	var wg sync.WaitGroup
	for i := 0; i < tasks; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			begun++
			timer := time.NewTimer(time.Hour)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}()
	}
	for begun < tasks {
		runtime.Gosched()
	}
	begin := cpuNanoseconds()
	cancel()
	wg.Wait()
	return cpuNanoseconds() - begin
}

func cancelOften(operations, tasks int) float64 {
	cancelSleepers(tasks)
	nanoseconds, done := 0.0, 0
	for ; done < operations; done += tasks {
		nanoseconds += cancelSleepers(tasks)
	}
	return nanoseconds / float64(done)
}

func parked(tasks int) float64 {
	var arrived, left int64
	var wg sync.WaitGroup
	leave := make(chan struct{})
	before := residentBytes()
	for i := 0; i < tasks; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			atomic.AddInt64(&arrived, 1)
			<-leave
			atomic.AddInt64(&left, 1)
		}()
	}
	for atomic.LoadInt64(&arrived) < int64(tasks) {
		runtime.Gosched()
	}
	after := residentBytes()
	must(runtime.NumGoroutine() == tasks+1 && left == 0, "all alive")
	close(leave)
	wg.Wait()
	must(left == int64(tasks), "all woken")
	return (after - before) / float64(tasks)
}

func costOf(operations int, work func(operations int)) float64 {
	work(operations / 10)
	begin := cpuNanoseconds()
	work(operations)
	return (cpuNanoseconds() - begin) / float64(operations)
}

func main() {
	must(len(os.Args) > 2, "usage: peer yield|spawn|hop|deadline|cancel|parked OPERATIONS [TASKS]")
	operations, _ := strconv.Atoi(os.Args[2])
	tasks := 1
	if len(os.Args) > 3 {
		tasks, _ = strconv.Atoi(os.Args[3])
	}
	result := 0.0
	switch os.Args[1] {
	case "echo":
		serveEcho(operations)
		return
	case "yield":
		result = costOf(operations, func(n int) { yieldInTasks(tasks, n/tasks) })
	case "spawn":
		result = costOf(operations, func(n int) { spawnInGroups(n, tasks) })
	case "hop":
		result = costOf(operations, hop)
	case "bulk":
		result = costOf(operations, bulk)
	case "deadline":
		result = costOf(operations, limit)
	case "cancel":
		result = cancelOften(operations, tasks)
	case "parked":
		result = parked(operations)
	default:
		must(false, "unknown measurement "+os.Args[1])
	}
	fmt.Printf("%.3f\n", result)
}
