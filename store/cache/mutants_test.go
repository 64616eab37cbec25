package storecache

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is an algorithm that was rejected: the production code with an edit.
type mutant struct {
	name string
	// by is the story or the gated case that finds it.
	by    string
	edits []edit
}

// edit changes one place of a file, which must be there exactly once.
type edit struct {
	file, old string
	// One of these: statements instead of old, statements after it, or a condition instead of it.
	instead, after, cond string
}

// listed is the story of those who know of a write before its reply.
const listed = "a reader and a stamp who know of a revocation before its reply"

var mutants = []mutant{
	{"the counter moves before the write", "two readers and a revoker", []edit{{
		file: "cache.go", old: "	err := c.next.Revoke(ctx, r)\n	if !harmless(err) {\n		c.core.changed(r.Subject)\n	}\n	return err\n",
		instead: `c.core.changed(r.Subject); c.core.at("moved"); return c.next.Revoke(ctx, r)`,
	}}},
	{"Del instead of a counter", "two readers and a revoker", []edit{{
		file: "cache.go", old: "	err := c.next.Revoke(ctx, r)\n	if !harmless(err) {\n		c.core.changed(r.Subject)\n	}\n	return err\n",
		instead: `err := c.next.Revoke(ctx, r); if q, ok := c.core.engine.(interface{ Del() }); ok { q.Del() }; return err`,
	}}},
	{"a revocation that failed moves no counter", "revoke with a lost reply, and a reader", []edit{{
		file: "cache.go", old: "	err := c.next.Revoke(ctx, r)\n	if !harmless(err) {\n		c.core.changed(r.Subject)\n	}\n	return err\n",
		instead: `err := c.next.Revoke(ctx, r); if err == nil { c.core.changed(r.Subject) }; return err`,
	}}},
	{"Rotate's reuse moves no counter", "rotate and a reader", []edit{{file: "cache.go", old: "!harmless(err) && (err != nil || out.Outcome == store.Reused)", cond: "err != nil"}}},
	{"a limited Issue moves no counter", "limited issue and a reader", []edit{{file: "cache.go", old: "(err != nil || !r.Limit.IsZero() || len(out.Evicted) > 0)", cond: "err != nil"}}},
	{"Update moves no counter", "update and a reader", []edit{{
		file: "cache.go", old: "	if !harmless(err) {\n		c.core.changed(r.Subject)\n	}\n	return rec, err\n", instead: "return rec, err",
	}}},
	{"Forget moves no counter", "forget and a reader", []edit{{
		file: "cache.go", old: "	if !harmless(err) {\n		c.core.changed(s)\n	}\n	return err\n", instead: "return err",
	}}},
	{"Issue does not count for unknown ids", "a login and two readers", []edit{{
		file: "cache.go", old: "	if !harmless(err) {\n		c.core.issued(r.Record.Subject)\n	}\n", instead: "_ = 0",
	}}},
	{"unknown ids carry no count of Issues", "a login and two readers", []edit{{file: "core.go", old: "count(a.state, store.Live) == len(a.ids)", cond: "true"}}},
	{"unknown ids are kept as long as others", "another process's login", []edit{{
		file: "core.go", old: "	src.MaxAge = min(src.MaxAge, absentAge, c.o.MaxStale)\n", instead: "_ = 0",
	}}},
	{"the counters are read after the store", "two readers and a revoker", []edit{{
		file: "flight.go", old: "	a, err := newAnswer(f.question, st, asked)\n", after: `c.at("late"); f.src, _ = c.note(f.question, f.src.At)`,
	}}},
	{"the count of doubts is read after the store", "a feed that loses the event", []edit{{
		file: "flight.go", old: "	a, err := newAnswer(f.question, st, asked)\n", after: `c.at("late"); f.src.EpochSeen = f.src.Epoch.Load()`,
	}}},
	{"the time is read after the store", "no feed", []edit{{
		file: "flight.go", old: "	a, err := newAnswer(f.question, st, asked)\n", after: `c.at("late"); f.src.At = c.o.Now()`,
	}}},
	{"flights are shared by the key alone", "two readers and a revoker", []edit{{
		file: "flight.go", old: "	c.mu.Lock()\n	defer c.mu.Unlock()\n	if c.closed.Load() {\n		return nil, store.ErrClosed\n	}\n", after: "r = route{key: r.key}",
	}}},
	{"flights are joined however old", "no feed", []edit{{file: "flight.go", old: "age.Of(f.src.At, src.At) <= c.o.MaxStale", cond: "true"}}},
	{"flights are not compared in full", "an engine that mixes keys up", []edit{
		{file: "flight.go", old: "f.is(q)", cond: "true"},
		{file: "core.go", old: "	for _, id := range q.ids {\n		h = mix(h+3, maphash.String(c.seed, id))\n	}\n", after: "h = 1"},
	}},
	{"keys are not compared in full", "an engine that mixes keys up", []edit{{file: "core.go", old: "!a.is(q)", cond: "false"}}},
	{"the counters are looked at before the poll", "a reader that asks again, another process's revoker and the feed", []edit{{
		file: "core.go", old: "	if !s.Timely(now) {\n		return false\n	}\n	c.at(\"timely\")\n	return s.Unchanged()\n",
		instead: `if !s.Unchanged() { return false }; c.at("unchanged"); return s.Timely(now)`,
	}}},
	{"a record that has expired is unknown", "a session that another process slides", []edit{
		{file: "core.go", old: "!a.ended(now)", cond: "true"},
		{file: "answer.go", old: "	st.Entries = slices.Clone(a.state.Entries)\n", after: "if a.ended(t) { st.Entries = make([]store.Entry, len(a.ids)) }"},
	}},
	{"doubt drops nothing", "a feed that loses the event", []edit{{file: "core.go", old: "	c.parts[partition].epoch.Add(1)\n", instead: "_ = 0"}}},
	{"the feed's events move no counter", "a reader that asks again, another process's revoker and the feed", []edit{{file: "core.go", old: "			c.shard(events[i].Subject).gen.Add(1)\n", instead: "_ = 0"}}},
	{"without a feed, answers are kept for MaxAge", "no feed", []edit{{file: "core.go", old: "		src.MaxAge = min(src.MaxAge, c.o.MaxStale)\n", instead: "_ = 0"}}},
	{"a stamp does not look at doubts", "a feed that loses the event", []edit{{file: "../stamp.go", old: "s.Epoch.Load() == s.EpochSeen", cond: "true"}}},
	{"a stamp does not look at the poll", "a stamp, another process's revoker and the feed", []edit{{file: "../stamp.go", old: "synced == nil || age.Of(*synced, now) > s.MaxStale", cond: "synced == nil"}}},
	{"a stamp does not look at the counter", "two readers and a revoker", []edit{{file: "../stamp.go", old: "s.Gen.Load() == s.GenSeen", cond: "true"}}},
	{"a stamp does not look at writes on their way", listed, []edit{{file: "../stamp.go", old: "(s.Writes == nil || s.Writes.Load() == 0)", cond: "true"}}},
	{"flights are joined while a write is on its way", listed, []edit{{
		file: "flight.go", old: "	if writing { // who asked before may be told less than is known by now\n		r.alone = c.alone.Add(1)\n	}\n", instead: "_ = writing",
	}}},
	{"writes on their way are looked for after the counters", listed, []edit{{
		file: "core.go", old: "EpochSeen: p.epoch.Load(), At: now, MaxAge: c.o.MaxAge,\n	}\n", after: `c.at("late"); writing = sh.writes.Load() > 0`,
	}}},
	{"a write is over before its counter moves", listed, []edit{{
		file: "cache.go", old: "	err := c.next.Revoke(ctx, r)\n	if !harmless(err) {\n		c.core.changed(r.Subject)\n	}\n	return err\n",
		instead: `err := c.next.Revoke(ctx, r); w := &c.core.shard(r.Subject.Digest()).writes; w.Add(-1); c.core.at("over"); c.core.changed(r.Subject); w.Add(1); return err`,
	}}},
	{"the poll's time is its reply's", "TestSilence", []edit{{
		file: "../../internal/follow/follow.go", old: "		events, proven := batch.After(p.at)\n", after: "sent = f.o.Now()",
	}}},
	{"a failed poll counts", "TestSilence", []edit{{
		file: "../../internal/follow/follow.go", old: "		batch, err := f.poll(ctx, p)\n", after: "if err != nil { f.h.Synced(p.no, sent) }",
	}}},
}

// guarded is the edit as one of several in the same source: the old code is there but for the one mutant.
func (e edit) guarded(no int) string {
	switch {
	case e.instead != "":
		return fmt.Sprintf("switch mutantNo {\ncase %d:\n%s\ndefault:\n%s}\n", no, e.instead, e.old)
	case e.after != "":
		return fmt.Sprintf("%sif mutantNo == %d {\n%s\n}\n", e.old, no, e.after)
	}
	return fmt.Sprintf("(mutantNo == %d && (%s) || mutantNo != %d && (%s))", no, e.cond, no, e.old)
}

// overlay writes the sources with all mutants in them, of which the environment chooses one, and returns the file that
// tells the compiler.
func overlay(t *testing.T) string {
	dir := t.TempDir()
	sources, replace := map[string]string{}, map[string]string{}
	for i, m := range mutants {
		for _, e := range m.edits {
			path, err := filepath.Abs(e.file)
			if err != nil {
				t.Fatal(err)
			}
			if sources[path] == "" {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				sources[path] = string(b)
			}
			if n := strings.Count(sources[path], e.old); n != 1 {
				t.Fatalf("%s: %s has its place %d times: %q", m.name, e.file, n, e.old)
			}
			sources[path] = strings.Replace(sources[path], e.old, e.guarded(i+1), 1)
		}
	}
	for path, source := range sources {
		_, rest, _ := strings.Cut("\n"+source, "\npackage ")
		name, _, _ := strings.Cut(rest, "\n")
		replace[path] = filepath.Join(dir, fmt.Sprint(len(replace), ".go"))
		chooser := filepath.Join(filepath.Dir(path), "mutant_chosen.go")
		replace[chooser] = filepath.Join(dir, name+"_chosen.go")
		for file, text := range map[string]string{
			replace[path]:    source,
			replace[chooser]: "package " + name + "\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutantNo, _ = strconv.Atoi(os.Getenv(\"JETON_MUTANT\"))\n",
		} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestMutants shows that the stories and the gated cases find every rejected algorithm. scripts/proofs.sh runs it.
func TestMutants(t *testing.T) {
	if os.Getenv("JETON_PROOFS") == "" {
		t.Skip("make proofs runs it: it compiles the package anew")
	}
	program := filepath.Join(t.TempDir(), "mutants.test")
	build := exec.Command("go", "test", "-c", "-overlay", overlay(t), "-o", program, ".") //nolint:gosec // our own words
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(no int, by string) (string, error) {
		test := "TestInterleavings"
		if strings.HasPrefix(by, "Test") {
			test, by = by, ""
		}
		cmd := exec.Command(program, "-test.run", "^"+test+"$") //nolint:gosec // our own words
		cmd.Env = append(os.Environ(), fmt.Sprint("JETON_MUTANT=", no), "JETON_PROOFS=", "JETON_STORY="+by)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	killed := 0
	for i, m := range mutants {
		out, err := run(i+1, m.by)
		var failed *exec.ExitError
		switch {
		case !errors.As(err, &failed):
			t.Errorf("%s is not found (%v)", m.name, err)
		case strings.Contains(out, "panic:") || !strings.Contains(out, "--- FAIL"):
			t.Errorf("%s breaks down, which proves nothing:\n%s", m.name, out)
		default:
			killed++
			t.Logf("%s: found by %s", m.name, m.by)
		}
	}
	fmt.Printf("mutants killed: %d/%d\n", killed, len(mutants))
	if out, err := run(0, mutants[0].by); err != nil { // none of them
		t.Errorf("the production code fails in this form:\n%s", out)
	}
}
