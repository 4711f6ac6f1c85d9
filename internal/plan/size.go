package plan

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxMessage bounds payloads, and messages of --method unless --max-message raises it: the
// bundled server's limit, and gRPC's customary one for a received message.
const MaxMessage = 4 << 20

const maxMessageBytes = MaxMessage

// mostMessageBytes is the most that --max-message can be: a message is in memory several
// times.
const mostMessageBytes = 256 << 20

// parseMaxMessage reads a limit of messages that is not below the one without the flag.
func parseMaxMessage(text string) (int, error) {
	n, err := parseSize(text)
	if err != nil {
		return 0, err
	}
	if n < maxMessageBytes || n > mostMessageBytes {
		return 0, fmt.Errorf("must be a size in [%s, %s]", formatSize(maxMessageBytes), formatSize(mostMessageBytes))
	}
	if n == maxMessageBytes {
		return 0, nil // the engines' own limit, which has room for the message's framing
	}
	return n, nil
}

// checkRequests refuses request messages above the limit of messages.
func checkRequests(p Plan, m *mistakes) {
	most := cmp.Or(p.MaxMessage, maxMessageBytes)
	askArms(p.Arms, func(a Arm) []string {
		if b := a.Settings.Request; b != nil && b.Bytes > most {
			return []string{fmt.Sprintf("--request %s: must be at most %s, not %d bytes (raise --max-message)", requestText(a.Settings), formatSize(most), b.Bytes)}
		}
		return nil
	}, m)
}

// sizeUnits are the units of a size. kB and MB are powers of ten, as in the
// international system of units.
func sizeUnits() []sizeUnit {
	return []sizeUnit{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1e3}, {"MB", 1e6}, {"B", 1}}
}

type sizeUnit struct {
	suffix string
	bytes  int
}

// parseSize reads a whole number of bytes: 4096, 512B, 1KiB, 1kB, 4MiB, 1MB.
func parseSize(text string) (int, error) {
	digits, unit := text, 1
	for _, u := range sizeUnits() {
		if d, ok := strings.CutSuffix(text, u.suffix); ok {
			digits, unit = d, u.bytes
			break
		}
	}
	n, err := parseDigits(digits)
	if err != nil || n > math.MaxInt32/unit {
		return 0, errors.New("size must be whole bytes below 2 GiB as in 4096, 1KiB, 1kB or 4MiB")
	}
	return n * unit, nil
}

// formatSize returns the shortest exact form that parseSize reads.
func formatSize(bytes int) string {
	switch {
	case bytes > 0 && bytes%(1<<20) == 0:
		return strconv.Itoa(bytes>>20) + "MiB"
	case bytes > 0 && bytes%(1<<10) == 0:
		return strconv.Itoa(bytes>>10) + "KiB"
	}
	return strconv.Itoa(bytes)
}

// parseDigits reads a whole number without a sign.
func parseDigits(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}
