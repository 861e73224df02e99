package views

import (
	"fmt"

	"github.com/expandcontract/migrate/planner/plan"
)

// What a server gets through in a second, roughly, on one ordinary disk and
// beside other work: it is for classes of duration, not for promises.
const (
	scanBytes    = 200 << 20
	buildBytes   = 30 << 20
	rewriteBytes = 30 << 20
	chunkRows    = 30_000
	chunkBytes   = 10 << 20
	rowBytes     = 100 // where the server does not tell the table's size
)

// rows is how many rows a step is about.
func rows(s plan.Step) int64 {
	if s.Rows == 0 && s.Chunks != nil {
		return s.Chunks.Rows
	}
	return s.Rows
}

// duration is the class of a step's duration.
func duration(s plan.Step) string {
	n := rows(s)
	bytes := s.Bytes
	if bytes == 0 {
		bytes = n * rowBytes
	}
	var seconds int64
	switch s.Work {
	case plan.Metadata:
		return "instant"
	case plan.Scan:
		seconds = bytes / scanBytes
	case plan.Build:
		seconds = bytes / buildBytes
	case plan.Rewrite:
		seconds = bytes / rewriteBytes
	case plan.ChunkRun:
		seconds = max(n/chunkRows, bytes/chunkBytes)
	}
	const minute, hour, day = 60, 3600, 86_400
	switch {
	case seconds < 5:
		return "short"
	case seconds < minute:
		return "seconds"
	case seconds < hour:
		return "minutes"
	case seconds < day:
		return "hours"
	default:
		return "days"
	}
}

// estimate says how long a step takes, and of how much.
func estimate(s plan.Step) string {
	out := duration(s)
	if s.Work == plan.Metadata {
		return out
	}
	if n := rows(s); n > 0 {
		out += ", ~" + Count(n) + " rows"
	}
	if s.Bytes > 0 {
		out += ", " + Size(s.Bytes)
	}
	return out
}

// Size writes a number of bytes in two or three digits: "850 kB", "1.2 GB".
func Size(n int64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, next
	}
	if value < 10 && unit != "B" {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}
