package plan

// Values of settings and load that are words.
const (
	Off     = "off" // Settings.TLS; also no, where a setting is on or off
	On      = "on"
	TLS12   = "1.2"
	TLS13   = "1.3"
	RSA2048 = "rsa2048" // Settings.Key
	P256    = "p256"    // Settings.Key and Settings.Group
	Ed25519 = "ed25519"
	X25519  = "x25519"         // Settings.Group
	MLKEM   = "x25519mlkem768" // TLS 1.3 alone has it
	Static  = "static"
	Dynamic = "dynamic" // Settings.Windows
	GRPC    = "grpc"    // Settings.Engine: grpc-go, as an application uses it
	Wire    = "wire"    // Settings.Engine: package wire
	Open    = "open"
	Closed  = "closed" // Load.Loop
	Poisson = "poisson"
	Uniform = "uniform" // Load.Arrival
)
