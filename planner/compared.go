package planner

import "slices"

// Both lists the columns of both shapes, the old shape's first.
func (s *Sync) Both() []string {
	return s.both(func(Group) bool { return true })
}

// Compared lists the columns of both shapes whose values decide whether a row is
// consistent, the old shape's first.
func (s *Sync) Compared() []string {
	return s.both(func(g Group) bool { return len(g.Up) > 0 })
}

func (s *Sync) both(of func(Group) bool) []string {
	var old, replacing []string
	for _, g := range s.Groups {
		if of(g) {
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
