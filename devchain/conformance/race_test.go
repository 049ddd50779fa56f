//go:build race

package conformance

// raceDetector makes the EVM ten times slower.
const raceDetector = true
