package gateway

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed docs.html.tmpl
var docsFiles embed.FS

// The parts of the OpenAPI document that the page shows.
type (
	apiDocument struct {
		Info struct {
			Title, Version, Description string
		} `json:"info"`
		Tags []struct {
			Name, Description string
		} `json:"tags"`
		Paths      map[string]map[string]*apiOperation `json:"paths"`
		Components struct {
			Schemas map[string]*apiSchema `json:"schemas"`
		} `json:"components"`
	}
	apiOperation struct {
		ID          string   `json:"operationId"`
		Summary     string   `json:"summary"`
		Description string   `json:"description"`
		Tags        []string `json:"tags"`
		Parameters  []struct {
			Name     string     `json:"name"`
			In       string     `json:"in"`
			Required bool       `json:"required"`
			Schema   *apiSchema `json:"schema"`
		} `json:"parameters"`
		RequestBody *apiBody            `json:"requestBody"`
		Responses   map[string]*apiBody `json:"responses"`
		Samples     []struct {
			Source string `json:"source"`
		} `json:"x-codeSamples"`
		Method string `json:"-"`
		Path   string `json:"-"`
	}
	apiBody struct {
		Description string `json:"description"`
		Content     map[string]struct {
			Schema *apiSchema `json:"schema"`
		} `json:"content"`
	}
	apiSchema struct {
		Ref         string                `json:"$ref"`
		Type        any                   `json:"type"`
		Format      string                `json:"format"`
		Description string                `json:"description"`
		Default     any                   `json:"default"`
		Enum        []any                 `json:"enum"`
		Items       *apiSchema            `json:"items"`
		Properties  map[string]*apiSchema `json:"properties"`
		Required    []string              `json:"required"`
	}
	apiSection struct {
		Name, Description string
		Operations        []*apiOperation
	}
)

// docsPage writes the page for people from the document for programs. It needs
// nothing from the internet and runs no script.
func docsPage(document []byte) ([]byte, error) {
	var doc apiDocument
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	page, err := template.New("docs.html.tmpl").Funcs(template.FuncMap{
		"typeOf":   typeOf,
		"refOf":    refOf,
		"has":      slices.Contains[[]string],
		"isError":  func(status string) bool { return status >= "400" },
		"upper":    strings.ToUpper,
		"problems": problemStatuses,
	}).ParseFS(docsFiles, "docs.html.tmpl")
	if err != nil {
		return nil, fmt.Errorf("read the template of the docs page: %w", err)
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"Doc": doc, "Sections": sections(doc), "OpenAPI": pathOpenAPI})
	if err != nil {
		return nil, fmt.Errorf("write the docs page: %w", err)
	}
	return out.Bytes(), nil
}

// sections groups the operations by tag, in the order of the tags.
func sections(doc apiDocument) []apiSection {
	var list []apiSection
	for _, tag := range doc.Tags {
		s := apiSection{Name: tag.Name, Description: tag.Description}
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for method, op := range doc.Paths[path] {
				if slices.Contains(op.Tags, tag.Name) {
					op.Method, op.Path = method, path
					s.Operations = append(s.Operations, op)
				}
			}
		}
		slices.SortFunc(s.Operations, func(a, b *apiOperation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(b.Method, a.Method))
		})
		list = append(list, s)
	}
	return list
}

// refOf is the name of the schema that is meant, its own or that of its items.
func refOf(s *apiSchema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	default:
		return refOf(s.Items)
	}
}

// typeOf words the type of a schema.
func typeOf(s *apiSchema) string {
	if s == nil {
		return ""
	}
	if s.Ref != "" {
		return refOf(s)
	}
	var text string
	switch t := s.Type.(type) {
	case string:
		text = t
	case []any:
		text = fmt.Sprint(t[0])
	default:
		return "any JSON"
	}
	if text == "array" {
		return "array of " + typeOf(s.Items)
	}
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	return text
}

func problemStatuses(responses map[string]*apiBody) string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if _, ok := responses[status].Content[problemType]; ok {
			list = append(list, status)
		}
	}
	return strings.Join(list, ", ")
}
