// Watermill, with the arguments and the two figures of ../figures.h.
//
// Its defaults, but for what it takes to be quick at this: as many channels to publish on as there are publishers, and acks to JetStream
// that are not waited for.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	natsgo "github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
)

var (
	mode, url, name string
	count           int
	atOnce          = 1
	body            = []byte(strings.Repeat("x", 128))
)

func must(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s %s: %v\n", mode, url, err)
		os.Exit(1)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

type measurement struct {
	wall time.Time
	cpu  time.Duration
}

func cpuUsed() time.Duration {
	var used syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func begin() measurement {
	return measurement{time.Now(), cpuUsed()}
}

func (m measurement) end() {
	cpu, wall := cpuUsed()-m.cpu, time.Since(m.wall)
	fmt.Printf("%.1f %.3f\n", float64(count)/wall.Seconds(), float64(cpu.Nanoseconds())/1e3/float64(count))
}

var nobody = watermill.NopLogger{}

func redisPeer() (publisher message.Publisher, subscriber message.Subscriber, err error) {
	client := redis.NewClient(&redis.Options{Addr: strings.TrimPrefix(url, "redis://")})
	if publisher, err = redisstream.NewPublisher(redisstream.PublisherConfig{Client: client}, nobody); err != nil {
		return
	}
	subscriber, err = redisstream.NewSubscriber(redisstream.SubscriberConfig{Client: client, ConsumerGroup: "bench", OldestId: "0"}, nobody)
	return
}

func natsPeer() (publisher message.Publisher, subscriber message.Subscriber, err error) {
	stream := nats.JetStreamConfig{
		AutoProvision:    true,
		AckAsync:         true,
		DurablePrefix:    "bench",
		SubscribeOptions: []natsgo.SubOpt{natsgo.DeliverAll(), natsgo.AckExplicit()},
	}
	marshaler := &nats.NATSMarshaler{}
	if publisher, err = nats.NewPublisher(nats.PublisherConfig{URL: url, Marshaler: marshaler, JetStream: stream}, nobody); err != nil {
		return
	}
	subscriber, err = nats.NewSubscriber(nats.SubscriberConfig{
		URL: url, QueueGroupPrefix: "bench", Unmarshaler: marshaler, JetStream: stream,
		AckWaitTimeout: 30 * time.Second, SubscribeTimeout: 30 * time.Second, CloseTimeout: 10 * time.Second,
	}, nobody)
	return
}

func amqpPeer() (publisher message.Publisher, subscriber message.Subscriber, err error) {
	config := amqp.NewDurableQueueConfig(url)
	config.Publish.ConfirmDelivery = true
	config.Publish.ChannelPoolSize = atOnce
	config.Consume.Qos.PrefetchCount = 256
	if publisher, err = amqp.NewPublisher(config, nobody); err != nil {
		return
	}
	subscriber, err = amqp.NewSubscriber(config, nobody)
	return
}

func kafkaPeer() (publisher message.Publisher, subscriber message.Subscriber, err error) {
	brokers := []string{strings.TrimPrefix(url, "kafka://")}
	produce := kafka.DefaultSaramaSyncPublisherConfig()
	produce.Producer.RequiredAcks = sarama.WaitForAll
	consume := kafka.DefaultSaramaSubscriberConfig()
	consume.Consumer.Offsets.Initial = sarama.OffsetOldest
	if publisher, err = kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: brokers, Marshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: produce,
	}, nobody); err != nil {
		return
	}
	subscriber, err = kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: brokers, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: consume, ConsumerGroup: name,
	}, nobody)
	return
}

func publish(publisher message.Publisher, n, goroutines int) {
	var left = int64(n)
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for atomic.AddInt64(&left, -1) >= 0 {
				must(publisher.Publish(name, message.NewMessage(watermill.NewUUID(), body)))
			}
		})
	}
	all.Wait()
}

// The CPU time counts from the subscription on, the time from the first message.
func consume(subscriber message.Subscriber) {
	m := begin()
	messages, err := subscriber.Subscribe(context.Background(), name)
	must(err)
	for seen := 0; seen < count; seen++ {
		got := <-messages
		if seen == 0 {
			m.wall = time.Now()
		}
		if len(got.Payload) != len(body) {
			must(fmt.Errorf("a message of %d bytes that nobody sent", len(got.Payload)))
		}
		got.Ack()
	}
	m.end()
}

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: MODE URL NAME COUNT [AT_ONCE]")
		os.Exit(2)
	}
	mode, url, name, count = strings.TrimPrefix(os.Args[1], "stream-"), os.Args[2], os.Args[3], number(os.Args[4])
	if len(os.Args) > 5 {
		atOnce = number(os.Args[5])
	}
	peers := map[string]func() (message.Publisher, message.Subscriber, error){
		"redis": redisPeer, "nats": natsPeer, "amqp": amqpPeer, "kafka": kafkaPeer,
	}
	peer, known := peers[strings.SplitN(url, ":", 2)[0]]
	if !known {
		must(fmt.Errorf("no such broker"))
	}
	publisher, subscriber, err := peer()
	must(err)
	// Queue or stream; a topic of Kafka's and a stream of Redis's make themselves.
	if initializer, can := subscriber.(message.SubscribeInitializer); can && !strings.HasPrefix(url, "redis:") && !strings.HasPrefix(url, "kafka:") {
		must(initializer.SubscribeInitialize(name))
	}
	switch mode {
	case "publish":
		publish(publisher, 1, 1) // connects what is connected late
		m := begin()
		publish(publisher, count, atOnce)
		m.end()
	case "consume":
		publish(publisher, count, 256)
		consume(subscriber)
	default:
		must(fmt.Errorf("no such mode"))
	}
}
