//go:build !unix

package uploads

// syncFolder does nothing: a folder cannot be synced here, and the system keeps
// names with their files.
func syncFolder(string) error { return nil }
