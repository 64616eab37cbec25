package revocation

// Again makes a view follow its feed from the start, as a clock does that was set back.
func Again(v *View) {
	v.parts[0].mu.Lock()
	defer v.parts[0].mu.Unlock()
	v.again()
}
