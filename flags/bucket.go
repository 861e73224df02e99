package flags

import (
	"crypto/sha256"
	"encoding/binary"
)

// Buckets is how many buckets [Bucket] sorts units into: one per percent.
const Buckets = 100

// Bucket is the bucket, 0 to 99, of a unit under a flag. A unit takes the new
// path when its bucket is below the rollout's percentage, so it stays in while
// the percentage rises. Different flags sort the same units differently.
//
// The result never changes between versions and machines. Applications in other
// languages reach the same decision this way: take the first four bytes of
// SHA-256(key + "/" + unit), UTF-8, as a big-endian number h below 2^32; the
// bucket is the whole part of h × 100 / 2^32.
func Bucket(key, unit string) int {
	// Big enough for nearly every key and unit to stay off the heap.
	var space [256]byte
	text := append(space[:0], key...)
	text = append(text, '/')
	text = append(text, unit...)
	sum := sha256.Sum256(text)
	return int(uint64(binary.BigEndian.Uint32(sum[:4])) * Buckets >> 32)
}
