module aeon-bench-http

go 1.24
