//go:build cgo && linux

package main

/*
#include <malloc.h>

// The store's cache is in the memory of the C library. With an arena for each
// thread that library keeps twice of what is in use, and with a threshold that
// follows the sizes it has seen it keeps the large pieces, too.
static void limit_arenas(void) {
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}
*/
import "C"

func limitArenas() { C.limit_arenas() }
