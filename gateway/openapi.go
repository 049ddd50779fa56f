package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

const tokenScheme = "token"

// humaConfig describes the API as a whole. huma's own pages are off: they load
// scripts from the internet.
func (g *Gateway) humaConfig() huma.Config {
	info := &huma.Info{
		Title:   "bcosgate",
		Version: g.cfg.Version,
		Description: "Gateway to FISCO BCOS: rows become transactions that are executed exactly once, each with a receipt. " +
			"Hashes, addresses and bytes are lower-case hex with 0x, times are RFC 3339. " +
			"Every answer that is not a success is a problem (RFC 9457) with a code for programs.",
		License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    info,
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					tokenScheme: {Type: "http", Scheme: "bearer", Description: "A token of the file that http.tokens names; asked for only where the gateway has one."},
				},
			},
			Security: []map[string][]string{{}, {tokenScheme: {}}},
			Tags: []*huma.Tag{
				{Name: "jobs", Description: "Many rows, each a transaction"},
				{Name: "transactions", Description: "One call or deployment that writes"},
				{Name: "calls", Description: "Reads of contracts"},
				{Name: "chains", Description: "What the gateway is connected to"},
				{Name: "operation", Description: "For those who run the gateway"},
			},
		},
		Formats:                      huma.DefaultFormats,
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{g.shape},
	}
}

// responsesOf copies what the table has, because a table may be used twice.
func responsesOf(op huma.Operation) map[string]*huma.Response {
	responses := map[string]*huma.Response{}
	maps.Copy(responses, op.Responses)
	return responses
}

func (g *Gateway) problemResponse(status int) *huma.Response {
	schema := g.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	r := &huma.Response{
		Description: http.StatusText(status),
		Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		r.Headers = map[string]*huma.Param{"Retry-After": {
			Description: "Seconds after which to ask again",
			Schema:      &huma.Schema{Type: huma.TypeInteger},
		}}
	}
	return r
}

// document writes the OpenAPI document and the page made from it, once.
func (g *Gateway) document() error {
	describe(g.api.OpenAPI().Components.Schemas.Map())
	doc, err := json.MarshalIndent(g.api.OpenAPI(), "", "  ")
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	doc = append(doc, '\n')
	g.openapi = doc
	g.docs, err = docsPage(g.openapi)
	return err
}

func (g *Gateway) serveOpenAPI(c *gin.Context) {
	c.Data(http.StatusOK, "application/openapi+json", g.openapi)
}

func (g *Gateway) serveDocs(c *gin.Context) {
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	c.Data(http.StatusOK, "text/html; charset=utf-8", g.docs)
}
