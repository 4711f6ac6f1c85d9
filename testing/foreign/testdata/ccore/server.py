"""A server on gRPC's C core, without generated code: messages are raw bytes.

Usage: server.py CERTIFICATE KEY COMPRESSION

Serves Server.Foo over TLS on a free port, which is the first line it prints, and
answers each request with its own bytes, compressed with COMPRESSION. Server.Tenth
does so too, but refuses every tenth RPC, and Server.Never refuses each. Server.Any takes
whatever bytes come, as a handler without a message type does. When its
standard input ends it prints one line of JSON: the number of RPCs, the values of
the metadata foo and, in hexadecimal, of foo-bin, and the sizes of the requests.
"""
import concurrent.futures
import json
import sys
import threading

import grpc

COMPRESSIONS = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}


def read(request):
    """Refuses what no message of this test is: the C core hands on a message as it
    came, compressed, if it does not know the codec."""
    if request and request[0] != 0x0A:
        raise ValueError("not a message")
    return request


class Server(grpc.GenericRpcHandler):
    def __init__(self):
        self.lock = threading.Lock()
        self.rpcs = 0
        self.foo = set()
        self.bin = set()
        self.sizes = set()

    def service(self, details):
        refusing = {"/Server/Foo": 0, "/Server/Any": 0, "/Server/Tenth": 10, "/Server/Never": 1}.get(details.method)
        if refusing is None:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda r, c: self.answer(r, c, refusing), request_deserializer=None if details.method == "/Server/Any" else read)

    def answer(self, request, context, refusing):
        metadata = dict(context.invocation_metadata())
        with self.lock:
            self.rpcs += 1
            refused = refusing and self.rpcs % refusing == 0
            self.foo.add(metadata.get("foo"))
            self.bin.add(metadata.get("foo-bin", b"").hex())
            self.sizes.add(len(request))
        if refused:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no caf\u00e9 is 100% open")
        return request


def main(certificate, key, compression):
    with open(certificate, "rb") as c, open(key, "rb") as k:
        credentials = grpc.ssl_server_credentials([(k.read(), c.read())])
    service = Server()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[service], compression=COMPRESSIONS[compression])
    print(server.add_secure_port("127.0.0.1:0", credentials), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(1).wait()
    print(json.dumps({"rpcs": service.rpcs, "foo": sorted(map(str, service.foo)), "bin": sorted(service.bin), "sizes": sorted(service.sizes)}))


main(*sys.argv[1:])
