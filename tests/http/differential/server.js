// node:http with a handler that reads the body: what its defaults make of the corpus.
require("node:http")
  .createServer((request, reply) => {
    let size = 0;
    request.on("data", (piece) => (size += piece.length));
    request.on("error", () => {});
    request.on("end", () => reply.end(`${request.method} ${request.url} ${size}`));
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
