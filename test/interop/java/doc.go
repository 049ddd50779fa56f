// Package interop holds no Go code but a test: it runs the official Java SDK
// (src, pom.xml) against a devnode and compares all that it saw with what the
// client of this module sees there.
package interop
