// Package arch holds no code but tests of the whole module: which package may
// import which, and how old the dependencies may be.
package arch
