package streams

import "testing"

func TestColorFollowsTheEnvironment(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"plain terminal", map[string]string{"TERM": "xterm"}, true},
		{"NO_COLOR", map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{"empty NO_COLOR counts as unset", map[string]string{"NO_COLOR": ""}, true},
		{"dumb terminal", map[string]string{"TERM": "dumb"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lookup := func(name string) (string, bool) { value, ok := test.env[name]; return value, ok }
			if got := allowsColor(lookup); got != test.want {
				t.Errorf("allowsColor = %t, want %t", got, test.want)
			}
		})
	}
}

func TestThemeWithoutColorLeavesTextAlone(t *testing.T) {
	t.Parallel()
	if got := NewTheme(false).Bad.Render("text"); got != "text" {
		t.Errorf("rendered %q", got)
	}
	if got := NewTheme(true).Bad.Render("text"); got == "text" {
		t.Error("the colored theme does not color")
	}
}
