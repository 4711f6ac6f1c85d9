// A server on @grpc/grpc-js, which answers Server.Foo with the request's own bytes.
//
// Usage: node server.js [CERTIFICATE KEY]
//
// It listens on a free port of 127.0.0.1, with TLS if it is given a certificate, and
// prints the address in its first line. It ends when its standard input does.
"use strict";
const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");

const bytes = (b) => Buffer.from(b);
const foo = {
  path: "/Server/Foo",
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};
const server = new grpc.Server();
server.addService({ Foo: foo }, { Foo: (call, answer) => answer(null, call.request) });

const [certificate, key] = process.argv.slice(2);
const credentials = certificate
  ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(certificate), private_key: fs.readFileSync(key) }])
  : grpc.ServerCredentials.createInsecure();
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error) {
    throw error;
  }
  console.log(`127.0.0.1:${port}`);
});
process.stdin.on("end", () => process.exit(0)).resume();
