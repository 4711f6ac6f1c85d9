// Package webpage writes HTML pages that can be handed around: one file, nothing
// loaded from anywhere, readable without scripts, printable. A page is sections
// of text, tables and drawings; what they say is the caller's.
//
// Every string is escaped where it stands (html/template), and the page forbids
// all scripts and styles but its own two, by their hashes.
package webpage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"grpcbench/internal/svg"
)

//go:embed page.html
var files embed.FS

//go:embed style.css
var style []byte

//go:embed script.js
var script []byte

// Page is a document.
type Page struct {
	Title    string
	Tone     string   // of its verdict: "good", "doubt", "bad", "unknown" (nothing was judged) or ""
	Verdict  string   // at its head
	Headline string   // beside the verdict
	Lead     []string // what it is about, each a line
	Facts    []Fact
	Notes    []Note // what must be known before anything else is read
	Sections []Section
	Foot     string
}

// Fact is a name and what it stands for.
type Fact struct{ Name, Text string }

// Note is a remark of some weight.
type Note struct {
	Tone string // "bad", "doubt", "good", "unknown" (not judged) or "": a remark
	Head string
	Text string
}

// Section is a part of a page with a heading of its own.
type Section struct {
	ID     string // of the document: a letter, then letters and digits
	Title  string
	Flag   string // why nothing of it may be used; "": it may
	Lead   string
	Blocks []Block
}

// Block is a part of a section; what is empty is left out.
type Block struct {
	Heading string
	Lead    string
	Folded  string // the block is closed until somebody opens it by this line
	Keys    []Key  // of all its figures
	Figures []Figure
	Wide    bool // the figures stand below each other
	Notes   []Note
	Table   *Table
	Code    []string // lines of a program's text
	List    []string
}

// Key explains a color or a sign of figures.
type Key struct{ Class, Text string }

// Figure is a drawing with its title.
type Figure struct {
	Title string
	Note  string
	SVG   svg.Drawing
	Data  *Data // what a reader may point at; nil: nothing
	// Other is the same on another scale; the reader chooses by Choice, the names of
	// both. Empty: there is none.
	Other       svg.Drawing
	OtherPlaces *svg.Places
	Choice      [2]string
}

// Data is what a script shows of a figure of lines.
type Data struct {
	Unit   string       `json:"unit"`   // "ns", "rpc/s" or "percent"
	Labels []string     `json:"labels"` // of the points
	Names  []string     `json:"names"`  // of the lines
	Class  []string     `json:"class"`  // of the lines
	Values [][]*float64 `json:"values"` // of the lines; null: not known
	Places svg.Places   `json:"places"`
	Other  *svg.Places  `json:"other,omitempty"`
}

// Table is rows under a head. The first cell of a row is its name.
type Table struct {
	Caption string
	Head    []string
	Rows    []Row
}

// Row is one row of a table.
type Row struct {
	Class string // of the line that it explains; "": none
	Name  string
	Cells []Cell
}

// Cell is one cell. Value, if there is one, is the number that Text rounds, in
// full, for programs.
type Cell struct {
	Text  string
	Value string
	Key   string // what the number is
	Tone  string // "higher", "lower", "same" or "unsure"; "": a value
	Long  bool   // a sentence, broken between words
}

// Text makes cells of texts.
func Text(texts ...string) []Cell {
	var cells []Cell
	for _, t := range texts {
		cells = append(cells, Cell{Text: t})
	}
	return cells
}

// document is what the template is given.
type document struct {
	Page
	Policy string
	Style  template.CSS
	Script template.JS
	Data   map[string]*Data
}

// Write writes p. The error is that of w.
func (p Page) Write(w io.Writer) error { return p.execute(w, "page.html") }

// WritePart writes p without head, foot, style and script, to stand in the body of
// another page that has [Style] and [Script]; there, call enliven() of the script once
// it does. The error is that of w.
func (p Page) WritePart(w io.Writer) error { return p.execute(w, "part") }

func (p Page) execute(w io.Writer, name string) error {
	style, script := Style(), Script()
	d := document{Page: p, Policy: policy(style, script), Data: make(map[string]*Data)}
	d.Style, d.Script = template.CSS(style), template.JS(script)
	t, err := template.New(name).Funcs(d.functions()).ParseFS(files, "page.html")
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, &d); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// Style is the style sheet of a page.
func Style() []byte { return append([]byte{}, style...) }

// Script is the script of a page.
func Script() []byte { return append([]byte{}, script...) }

// policy forbids everything but this style and this script.
func policy(style, script []byte) string {
	return "default-src 'none'; style-src '" + digest(style) + "'; script-src '" + digest(script) +
		"'; base-uri 'none'; form-action 'none'"
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// functions are what the template may call.
func (d *document) functions() template.FuncMap {
	n := 0
	return template.FuncMap{
		"drawing": func(s svg.Drawing) template.HTML { return template.HTML(s) },
		"id": func() string {
			n++
			return fmt.Sprintf("f%d", n)
		},
		// keep puts a figure's data where the script finds it.
		"keep": func(id string, f Figure) string {
			if f.Data != nil {
				f.Data.Other = f.OtherPlaces
				d.Data[id] = f.Data
			}
			return ""
		},
	}
}
