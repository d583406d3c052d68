-- For wrk: the order of order.json as the body of each request.
local file = io.open("bench/order.json", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
