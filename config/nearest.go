package config

import "strings"

// nearest returns the candidate with the fewest edits to name, and how many they are.
func nearest(name string, candidates []string) (string, int) {
	best, least := "", -1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); least < 0 || d < least {
			best, least = c, d
		}
	}
	return best, least
}

// distance counts the insertions, deletions, changes and swaps of neighbours that make b of a.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(last[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// longestShown is how long an unknown name, without JETON_, may be to be repeated in an error: a secret that is good has 32
// bytes.
const longestShown = 31

// shown returns a name as an error may repeat it: one that looks like a name.
func shown(name string) string {
	if name == "" || len(strings.TrimPrefix(strings.ToUpper(name), prefix)) > longestShown || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_-.") != "" {
		return "a key"
	}
	return name
}
