package report

// Tracked is a history for the tests of pages.
var Tracked = tracked
