// Command promql tells what PromQL expressions ask for, as Prometheus' own parser reads them: a JSON list of expressions
// comes in, and of each goes out its error, or its selectors and the labels by which they are grouped and matched.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

type matcher struct {
	Label string `json:"label"`
	Op    string `json:"op"`
	Value string `json:"value"`
}

type selector struct {
	Metric   string    `json:"metric"`
	Matchers []matcher `json:"matchers"`
}

// grouping is a by or an on: its labels must be had by what is under it.
type grouping struct {
	Labels  []string `json:"labels"`
	Metrics []string `json:"metrics"`
}

type query struct {
	Expr      string     `json:"expr"`
	Error     string     `json:"error"`
	Type      string     `json:"type"`
	Selectors []selector `json:"selectors"`
	Groupings []grouping `json:"groupings"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func run() error {
	var exprs []string
	if err := json.NewDecoder(os.Stdin).Decode(&exprs); err != nil {
		return fmt.Errorf("standard input isn't a JSON list of expressions: %w", err)
	}
	// What a Prometheus without feature flags understands.
	prometheus := parser.NewParser(parser.Options{})
	queries := make([]query, 0, len(exprs))
	for _, expr := range exprs {
		queries = append(queries, read(prometheus, expr))
	}
	return json.NewEncoder(os.Stdout).Encode(queries)
}

func read(prometheus parser.Parser, expr string) query {
	query := query{Expr: expr, Selectors: []selector{}, Groupings: []grouping{}}
	root, err := prometheus.ParseExpr(expr)
	if err != nil {
		query.Error = err.Error()
		return query
	}
	query.Type = string(root.Type())
	parser.Inspect(root, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			query.Selectors = append(query.Selectors, selectorOf(node))
		case *parser.AggregateExpr:
			query.group(node.Grouping, node.Expr)
		case *parser.BinaryExpr:
			if matching := node.VectorMatching; matching != nil {
				query.group(matching.MatchingLabels, node.LHS)
				query.group(matching.MatchingLabels, node.RHS)
			}
		}
		return nil
	})
	return query
}

func (query *query) group(labels []string, under parser.Expr) {
	if len(labels) == 0 {
		return
	}
	grouping := grouping{Labels: labels, Metrics: []string{}}
	parser.Inspect(under, func(node parser.Node, _ []parser.Node) error {
		if node, ok := node.(*parser.VectorSelector); ok {
			grouping.Metrics = append(grouping.Metrics, selectorOf(node).Metric)
		}
		return nil
	})
	query.Groupings = append(query.Groupings, grouping)
}

func selectorOf(node *parser.VectorSelector) selector {
	selector := selector{Metric: node.Name, Matchers: []matcher{}}
	for _, found := range node.LabelMatchers {
		if found.Name != labels.MetricName {
			selector.Matchers = append(selector.Matchers, matcher{found.Name, found.Type.String(), found.Value})
		} else if found.Type == labels.MatchEqual {
			selector.Metric = found.Value
		}
	}
	return selector
}
