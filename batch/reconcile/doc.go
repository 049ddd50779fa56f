// Package reconcile proves a job against the chain: it asks several nodes for every
// transaction of the job again, compares their answers with the store and with each
// other, and looks for transactions of the job's accounts that the store does not
// know. It only reads, and needs memory for some pages of rows and some blocks,
// however large a job is.
//
// A node that lies about a receipt is found when another one that is asked does not;
// what all of them lie about is not. Package chain/fisco/proof can verify a single node.
package reconcile
