module aeon/tests/interop/nats

go 1.20

require github.com/nats-io/natscli v0.1.1
