package call

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// plainStream is a stream without a compressor. A grpc.PreparedMsg takes its
// compressor from the stream it is encoded for; encoded for this one and sent on
// another, a message goes out uncompressed under whatever that other stream
// announced. The stream lives in memory and carries nothing.
type plainStream struct {
	stream grpc.ClientStream
	close  func()
}

func openPlainStream(options ...grpc.CallOption) (*plainStream, error) {
	listener := bufconn.Listen(1 << 12)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	}))
	go func() { _ = server.Serve(listener) }() // ends with Stop below; its error says no more than that
	stop := server.Stop
	conn, err := grpc.NewClient("passthrough:///plain", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		stop()
		return nil, fmt.Errorf("open plain stream: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	closeAll := func() {
		cancel()
		_ = conn.Close() // in memory
		stop()
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/plain/Plain", options...)
	if err != nil {
		closeAll()
		return nil, fmt.Errorf("open plain stream: %w", err)
	}
	return &plainStream{stream: stream, close: closeAll}, nil
}
