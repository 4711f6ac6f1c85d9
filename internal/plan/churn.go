package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// maxReplacements bounds the connections that an arm replaces in a second. Two
	// cores make one or two thousand TLS handshakes a second.
	maxReplacements = 1000
	leastAge        = 100 * time.Millisecond
	mostAge         = 24 * time.Hour
	none            = "none"
)

// Replacements is how many connections the arm replaces a second by schedule, for
// its churn or for its connections' age; 0: none. Those that MaxRPCs asks for come
// when the RPCs do.
func (s Settings) Replacements() float64 {
	if s.ConnectionAge > 0 {
		return float64(s.Connections) / s.ConnectionAge.Seconds()
	}
	return s.Churn
}

// Churns says whether the arm replaces connections that are good.
func (s Settings) Churns() bool { return s.Replacements() > 0 || s.MaxRPCs > 0 }

func parseChurn(text string) (float64, error) {
	if text == none {
		return 0, nil
	}
	number, ok := strings.CutSuffix(text, "/s")
	v, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || strings.Trim(number, "0123456789.") != "" || !(v > 0 && v <= maxReplacements) {
		return 0, fmt.Errorf("must be none or connections a second with their unit, above 0 and at most %d, as in 5/s", maxReplacements)
	}
	return v, nil
}

func churnText(s Settings) string {
	if s.Churn == 0 {
		return none
	}
	return strconv.FormatFloat(s.Churn, 'f', -1, 64) + "/s"
}

func parseMaxRPCs(text string) (int, error) {
	if text == none {
		return 0, nil
	}
	n, err := whole(1, math.MaxInt32)(text)
	if err != nil {
		return 0, fmt.Errorf("must be none or a whole number in [1, %d]", math.MaxInt32)
	}
	return n, nil
}

func maxRPCsText(s Settings) string {
	if s.MaxRPCs == 0 {
		return none
	}
	return strconv.Itoa(s.MaxRPCs)
}

func parseAge(text string) (Duration, error) {
	if text == none {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < leastAge || d > mostAge {
		return 0, errors.New("must be none or a duration in [100ms, 24h] as in 30s")
	}
	return d, nil
}

func ageText(s Settings) string {
	if s.ConnectionAge == 0 {
		return none
	}
	return s.ConnectionAge.String()
}

// checkReplacements returns a sentence for each contradiction in what replaces
// connections.
func checkReplacements(s Settings) []string {
	var given []string
	for _, by := range []struct {
		name, text string
	}{{"churn", churnText(s)}, {"max-rpcs-per-connection", maxRPCsText(s)}, {"connection-age", ageText(s)}} {
		if by.text != none {
			given = append(given, "--"+by.name+" "+by.text)
		}
	}
	if len(given) > 1 {
		return []string{strings.Join(given, ", ") + ": must not come together, since each would hide what the other replaces"}
	}
	if rate := s.Replacements(); s.ConnectionAge > 0 && rate > maxReplacements {
		return []string{fmt.Sprintf("%s: must be at least %v with --connections %d, which is %d connections a second", given[0],
			time.Duration(s.Connections)*time.Second/maxReplacements, s.Connections, maxReplacements)}
	}
	return nil
}

// replacesInWindow returns why a window of p would be over before arm a had replaced
// a connection; such a setting could not be observed.
func (p Plan) replacesInWindow(a Arm) []string {
	s, window := a.Settings, p.Window.Seconds()
	const purpose = "so that each --window %v sees a connection replaced"
	switch rate := s.Replacements(); {
	case s.ConnectionAge > 0 && rate*window < 1:
		return []string{fmt.Sprintf("--connection-age %v: must be at most %v with --connections %d, "+purpose,
			s.ConnectionAge, time.Duration(s.Connections)*p.Window, s.Connections, p.Window)}
	case s.Churn > 0 && rate*window < 1:
		return []string{fmt.Sprintf("--churn %s: must be at least %.3g/s, "+purpose, churnText(s), 1/window, p.Window)}
	case s.MaxRPCs > 0 && p.Load.Loop == Open && float64(s.MaxRPCs) > p.ArmRate()*window:
		return []string{fmt.Sprintf("--max-rpcs-per-connection %d: must be at most %d, which is what an arm offers in a window, "+purpose,
			s.MaxRPCs, int(p.ArmRate()*window), p.Window)}
	}
	return nil
}
