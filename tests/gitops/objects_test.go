// Package gitops runs the code of GitOps tools over what we ship for them: gopher-lua as Argo CD does, Flux's health check expressions
// and kstatus. The objects in deploy/argocd/testdata are what the operator writes; tests/deploy/ sees to that.
package gitops

import (
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func objects(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(argocd, "testdata/*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no objects in testdata: %v", err)
	}
	return paths
}

func unmarshalObject(text string, into *unstructured.Unstructured) error {
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	return into.UnmarshalJSON(converted)
}
