package mysql

import (
	"fmt"
	"math/big"
	"strings"
)

// cut.go finds where to cut a table into spans of about equally many rows. It
// supposes that the keys are spread evenly between the least and the greatest; where
// they are not, some workers have more to do, and take each other's spans.

// between finds the i-th of the n-1 values that cut what lies between the texts of
// two keys into n equal parts; false where that cannot be said.
type between func(low, high string, i, n int) (string, bool)

// between is nil for keys whose values cannot be computed with.
func (c keyColumn) between() between {
	switch c.typ.class() {
	case classInt:
		return betweenIntegers
	case classBinary:
		return betweenBytes
	case classString:
		return betweenUUIDs
	case classDecimal, classTemporal, classFloat, classEnum, classJSON, classBit, classOther:
	}
	return nil
}

func betweenIntegers(low, high string, i, n int) (string, bool) {
	return part(low, high, 10, i, n, "%d")
}

// betweenBytes compares the first eight bytes, written in hexadecimal digits.
func betweenBytes(low, high string, i, n int) (string, bool) {
	const digits = 16
	pad := func(s string) string { return (s + strings.Repeat("0", digits))[:digits] }
	return part(pad(low), pad(high), 16, i, n, "%016X")
}

// betweenUUIDs compares the first of a UUID's groups. Digits come before letters,
// and letters in the order of the alphabet, in every collation of the servers.
func betweenUUIDs(low, high string, i, n int) (string, bool) {
	const digits, whole = 8, 36
	if len(low) != whole || len(high) != whole || low[digits] != '-' || high[digits] != '-' {
		return "", false
	}
	format := "%08x"
	if low[:digits] != strings.ToLower(low[:digits]) {
		format = "%08X"
	}
	return part(low[:digits], high[:digits], 16, i, n, format)
}

// part is low + (high - low) * i / n.
func part(low, high string, base, i, n int, format string) (string, bool) {
	a, okA := new(big.Int).SetString(low, base)
	b, okB := new(big.Int).SetString(high, base)
	if !okA || !okB {
		return "", false
	}
	d := new(big.Int).Sub(b, a)
	d.Mul(d, big.NewInt(int64(i)))
	d.Quo(d, big.NewInt(int64(n)))
	return fmt.Sprintf(format, a.Add(a, d)), true
}
