// The version of the nats command line client that tests/interop builds: its sums stand in go.sum.
//go:build tools

package tools

import _ "github.com/nats-io/natscli/nats"
