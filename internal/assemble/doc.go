// Package assemble builds what the programs for users share: from a checked
// configuration it makes accounts, connections and targets of the job engine.
//
// It decides nothing about flags, signals or HTTP, and knows no job.
package assemble
