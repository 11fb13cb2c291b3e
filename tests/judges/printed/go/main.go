// SPDX-License-Identifier: Apache-2.0
// Prints the schemas of what people write in Go, by invopop/jsonschema. printed.json is its output:
//
//	go run . >printed.json
package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/invopop/jsonschema"
)

type Address struct {
	Street string `json:"street" jsonschema:"required,minLength=1,description=With its number."`
	Zip    string `json:"zip,omitempty" jsonschema:"pattern=^[0-9]{5}$"`
}

type Person struct {
	Name    string            `json:"name" jsonschema:"title=The name,example=Ada"`
	Age     int               `json:"age,omitempty" jsonschema:"minimum=0,exclusiveMaximum=150"`
	Nick    *string           `json:"nick" jsonschema:"nullable"`
	Home    Address           `json:"home"`
	Others  []*Address        `json:"others,omitempty" jsonschema:"maxItems=3,uniqueItems=true"`
	Unit    string            `json:"unit" jsonschema:"enum=celsius,enum=fahrenheit,default=celsius"`
	Level   int               `json:"level" jsonschema:"enum=1,enum=2"`
	Labels  map[string]string `json:"labels,omitempty"`
	Born    time.Time         `json:"born"`
	Data    []byte            `json:"data,omitempty"`
	Any     any               `json:"any,omitempty"`
	Raw     json.RawMessage   `json:"raw,omitempty"`
	Point   [2]float64        `json:"point"`
	Either  string            `json:"either" jsonschema:"oneof_type=string;integer"`
	Skipped int               `json:"-"`
}

type Node struct {
	Value    int     `json:"value"`
	Children []*Node `json:"children,omitempty"`
}

type Words struct {
	Type       string   `json:"type"`
	Properties Address  `json:"properties"`
	Required   bool     `json:"required"`
	Ref        string   `json:"$ref"`
	Items      []string `json:"items"`
}

type Shape struct {
	A string `json:"a" jsonschema:"oneof_required=byA"`
	B string `json:"b" jsonschema:"oneof_required=byB"`
}

type Empty struct{}

func main() {
	inline := &jsonschema.Reflector{DoNotReference: true, ExpandedStruct: true, AllowAdditionalProperties: true}
	made := map[string]*jsonschema.Schema{
		"Person": jsonschema.Reflect(&Person{}), "PersonInline": inline.Reflect(&Person{}),
		"Node": jsonschema.Reflect(&Node{}), "Words": jsonschema.Reflect(&Words{}),
		"Shape": jsonschema.Reflect(&Shape{}), "Empty": jsonschema.Reflect(&Empty{}),
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	if err := out.Encode(made); err != nil {
		panic(err)
	}
}
