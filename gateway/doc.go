// Package gateway is the HTTP face of the product: it translates requests into
// calls of the job engine and of the chains, and their answers and errors into
// JSON and problems (RFC 9457). It owns authentication, limits on requests,
// health, metrics and the OpenAPI document.
//
// It never decides anything about a chain, a job or a contract, never opens a
// connection to a node, and reads no files.
package gateway
