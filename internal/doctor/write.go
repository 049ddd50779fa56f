package doctor

import (
	"fmt"
	"io"
	"strings"
)

// Language is that of a text.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// In gives the text in a language, English when it is not known.
func (t Text) In(l Language) string {
	if l == Chinese {
		return t.Zh
	}
	return t.En
}

// Words of the written report.
var (
	levelNames = map[Level]Text{OK: {"ok", "正常"}, Warning: {"WARNING", "警告"}, Problem: {"PROBLEM", "问题"}}
	verdicts   = map[Verdict]Text{
		Well:     {"All is well.", "一切正常。"},
		Problems: {"There are problems, but every target has a usable node.", "存在问题，但每个目标都有可用节点。"},
		NoNode:   {"There is a target without a usable node.", "有目标没有可用节点。"},
	}
	accountsTitle = Text{"accounts", "账户"}
	targetTitle   = Text{"target {target}", "目标 {target}"}
	nodeTitle     = Text{"target {target}, node {node}", "目标 {target}，节点 {node}"}
	counts        = Text{"Problems: {problems}, warnings: {warnings}.", "问题 {problems} 个，警告 {warnings} 个。"}
)

// Write writes the report for people, a line for each finding and one more for
// its advice, in each of the languages, which follow each other on lines of
// their own.
func (r Report) Write(w io.Writer, languages ...Language) error {
	var b strings.Builder
	title := Text{}
	for i, f := range r.Findings {
		if t := f.title(); t != title {
			if title = t; i > 0 {
				b.WriteByte('\n')
			}
			for _, l := range languages {
				b.WriteString(t.In(l) + "\n")
			}
		}
		for _, l := range languages {
			fmt.Fprintf(&b, "  [%s] %s: %s\n", levelNames[f.Level].In(l), f.Check, f.Text.In(l))
		}
		if f.Advice == nil {
			continue
		}
		for _, l := range languages {
			fmt.Fprintf(&b, "      -> %s\n", f.Advice.In(l))
		}
	}
	b.WriteByte('\n')
	for _, l := range languages {
		b.WriteString(verdicts[r.Verdict].In(l) + " " + r.counts().In(l) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// title is the line above the findings of one thing.
func (f Finding) title() Text {
	details := Details{"target": f.Target, "node": f.Node}
	switch {
	case f.Target == "":
		return accountsTitle
	case f.Node == "":
		return targetTitle.fill(details)
	}
	return nodeTitle.fill(details)
}

func (r Report) counts() Text {
	problems, warnings := 0, 0
	for _, f := range r.Findings {
		switch f.Level {
		case Problem:
			problems++
		case Warning:
			warnings++
		}
	}
	return counts.fill(Details{"problems": fmt.Sprint(problems), "warnings": fmt.Sprint(warnings)})
}
