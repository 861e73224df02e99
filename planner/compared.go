package planner

import "slices"

// Compared lists the columns of both shapes whose values decide whether a row is
// consistent, the old shape's first.
func (s *Sync) Compared() []string {
	var old, replacing []string
	for _, g := range s.Groups {
		if len(g.Up) > 0 {
			old, replacing = append(old, g.Old...), append(replacing, g.New...)
		}
	}
	var out []string
	for _, c := range append(old, replacing...) {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}
