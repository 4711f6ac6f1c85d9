//go:build !full

package lane

const full = false
