"""A client on gRPC's C core, without generated code: messages are raw bytes.

Usage: client.py ADDRESS ROOT_CERTIFICATE

Calls Server.Foo and bench.v1.Bench.Echo over TLS once with each compression, and
prints one line a call: method, compression, status, bytes of the response.
"""
import sys

import grpc

# Field 1 (body) of an EchoRequest: tag, length 1000 as a varint, zero bytes. Its
# answer, an EchoResponse, has the same encoding.
ECHO = b"\x0a\xe8\x07" + bytes(1000)

COMPRESSIONS = {
    "identity": grpc.Compression.NoCompression,
    "deflate": grpc.Compression.Deflate,
    "gzip": grpc.Compression.Gzip,
}


def call(channel, method, request, compression):
    rpc = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    try:
        answer = rpc(request, timeout=20, wait_for_ready=True, metadata=(("foo", "bar"),), compression=compression)
    except grpc.RpcError as e:
        return "%s %s" % (e.code().name, e.details())
    if answer != request:
        return "OK but %d bytes instead of %d" % (len(answer), len(request))
    return "OK %d" % len(answer)


def main(address, root):
    with open(root, "rb") as f:
        credentials = grpc.ssl_channel_credentials(f.read())
    with grpc.secure_channel(address, credentials) as channel:
        for name, compression in COMPRESSIONS.items():
            for method, request in (("/Server/Foo", b""), ("/bench.v1.Bench/Echo", ECHO)):
                print(method, name, call(channel, method, request, compression))


main(*sys.argv[1:])
