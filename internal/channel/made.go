package channel

// Made are the connections that a channel has made. It keeps the first and the latest of
// them, so that a channel that reconnects for hours takes no more memory than one that does
// not: what TLS negotiated is kilobytes. The zero value is none. It is not safe for
// concurrent use.
type Made struct {
	first, latest *Connection
	settled       int64 // had the server's SETTINGS
	later         int64 // of them, those after the first connection
}

// Add counts a connection.
func (m *Made) Add(made *Connection) {
	if m.first == nil {
		m.first = made
	}
	m.latest = made
}

// Settled says that the server's SETTINGS have come on a connection that was added.
func (m *Made) Settled(made *Connection) {
	m.settled++
	if made != m.first {
		m.later++
	}
}

// Reconnects is how many connections were made after the first. One whose SETTINGS
// never came was an attempt: a server that is killed may still have taken it.
func (m *Made) Reconnects() int64 { return m.later }

// Ends are the first connection and, if there was another, the latest.
func (m *Made) Ends() []Connection {
	switch {
	case m.first == nil:
		return nil
	case m.first == m.latest:
		return []Connection{*m.first}
	}
	return []Connection{*m.first, *m.latest}
}
