package probe

import (
	"bytes"
	"runtime"
	"strings"
)

// Fingerprint is what tells one machine from another when results are compared.
type Fingerprint struct {
	OS, Arch   string  // as Go names them
	Kernel     string  // release; "" when unknown
	CPU        string  // model; "" when unknown
	CPUs       int     // CPUs this process may run on
	GOMAXPROCS int     // of this process
	MemBytes   int64   // memory of the machine; 0 when unknown
	CgroupCPUs float64 // CPUs that a cgroup quota allows; 0 when none is known
	Virtual    bool    // a hypervisor shows itself; false is no proof of the contrary
}

// Fingerprint reads the machine's facts; it takes less than a millisecond.
func (m Machine) Fingerprint() Fingerprint {
	f := Fingerprint{
		OS:         runtime.GOOS,
		Arch:       runtime.GOARCH,
		Kernel:     m.line("/proc/sys/kernel/osrelease"),
		CPUs:       runtime.NumCPU(),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
		CgroupCPUs: m.cgroup().quota(),
	}
	if total, _ := m.memory(); total != nil {
		f.MemBytes = *total
	}
	cpuinfo, _ := m.read("/proc/cpuinfo") // unreadable is empty: model unknown, no flag
	var flagged bool
	f.CPU, flagged = parseCPUInfo(cpuinfo)
	f.Virtual = flagged || m.line("/sys/hypervisor/type") != "" || virtualProduct(
		m.line("/sys/class/dmi/id/sys_vendor"), m.line("/sys/class/dmi/id/product_name"))
	return f
}

// line returns the text of a file of one line; "" if it cannot be read.
func (m Machine) line(path string) string {
	b, _ := m.read(path)
	return string(bytes.TrimSpace(b))
}

// parseCPUInfo reads the model of the first CPU in /proc/cpuinfo, and whether its
// flags hold "hypervisor", which an x86 hypervisor sets for its guests. ARM has no
// model name there, only numbers: "implementer 0x41 part 0xd0c".
func parseCPUInfo(b []byte) (model string, hypervisor bool) {
	var implementer, part string
	for line := range bytes.Lines(b) {
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			if model != "" || part != "" {
				break // an empty line ends the first CPU
			}
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "model name":
			model = value
		case "CPU implementer":
			implementer = value
		case "CPU part":
			part = value
		case "flags":
			hypervisor = strings.Contains(" "+value+" ", " hypervisor ")
		}
	}
	if model == "" && part != "" {
		model = "implementer " + implementer + " part " + part
	}
	return model, hypervisor
}

// virtualProduct says whether the firmware's vendor and product are those of a
// virtual machine, for CPUs without a hypervisor flag. The names are those systemd
// looks for (src/basic/virt.c).
func virtualProduct(vendor, product string) bool {
	if strings.Contains(product, ".metal") { // a whole machine of a vendor of virtual ones
		return false
	}
	for _, name := range []string{
		"Amazon EC2", "Apple Virtualization", "BHYVE", "Bochs", "Google Compute Engine", "KVM",
		"Parallels", "QEMU", "VMware", "VirtualBox", "Virtual Machine", "Xen",
	} {
		if strings.Contains(vendor, name) || strings.Contains(product, name) {
			return true
		}
	}
	return false
}
