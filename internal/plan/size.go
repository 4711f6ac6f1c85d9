package plan

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// maxMessageBytes bounds payloads and requests: the bundled server's limit, and
// gRPC's customary one for a received message.
const maxMessageBytes = 4 << 20

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
