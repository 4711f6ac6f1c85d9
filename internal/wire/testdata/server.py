"""A server on gRPC's C core, without TLS and without generated code.

Answers bench.v1.Bench.Echo with the request's own bytes, compressed with gzip if
the metadata has x-gzip. Its first line is its port; it ends with its standard input.
"""
import concurrent.futures
import sys

import grpc


class Server(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/bench.v1.Bench/Echo":
            return grpc.unary_unary_rpc_method_handler(self.answer)
        return None

    def answer(self, request, context):
        if "x-gzip" in dict(context.invocation_metadata()):
            context.set_compression(grpc.Compression.Gzip)
        return request


server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Server()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(1).wait()
