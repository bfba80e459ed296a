// Command grafana-dashboard reads a dashboard from standard input as Grafana's own types have it, strictly: what Grafana doesn't
// know, and what it misses, is an error.
package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

func main() {
	if err := check(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "grafana-dashboard:", err)
		os.Exit(1)
	}
}

func check(input io.Reader) error {
	text, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	// Panels of other types, and other data sources, would go unchecked.
	known := cog.NewRuntime()
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	known.RegisterPanelcfgVariant(table.VariantConfig())
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())

	var read dashboard.Dashboard
	// An error without a text is none: the list of errors is empty then.
	if err := read.UnmarshalJSONStrict(text); err != nil && strings.TrimSpace(err.Error()) != "" {
		return err
	}
	if err := read.Validate(); err != nil && strings.TrimSpace(err.Error()) != "" {
		return err
	}
	return nil
}
