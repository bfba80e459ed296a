package gitops

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
)

const flux = "../../deploy/flux"

// kustomizations are those of a file with samples, by name.
func kustomizations(t *testing.T, file string) map[string]kustomizev1.Kustomization {
	t.Helper()
	found := map[string]kustomizev1.Kustomization{}
	for _, document := range documents(t, flux, file) {
		if strings.Contains(document, "\nkind: Kustomization\n") {
			kustomization := strict[kustomizev1.Kustomization](t, document)
			found[kustomization.Name] = kustomization
		}
	}
	return found
}

// conclude is what Flux concludes from an object by the expressions of a Kustomization.
func conclude(t *testing.T, checks []kustomize.CustomHealthCheck, path string) status.Status {
	t.Helper()
	given := load(t, path)
	for _, check := range checks {
		if check.APIVersion != given.GetAPIVersion() || check.Kind != given.GetKind() {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			t.Fatal(err)
		}
		result, err := evaluator.Evaluate(t.Context(), given)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return result.Status
	}
	t.Fatalf("no expressions for %s %s", given.GetAPIVersion(), given.GetKind())
	return status.UnknownStatus
}

// The expressions say what kstatus says, which Flux goes by without them; so they may be left out, or copied into other tools.
func TestTheExpressionsSayWhatKstatusSays(t *testing.T) {
	checks := kustomizations(t, "backups.yaml")["hsm-backups"].Spec.HealthCheckExprs
	for _, path := range objects(t) {
		want := expected(t, path)
		if want == status.TerminatingStatus {
			want = status.InProgressStatus
		}
		if got := conclude(t, checks, path); got != want {
			t.Errorf("%s: want %s, got %s", path, want, got)
		}
	}
}

// In the Kustomization of suspended objects that a call is held is what was asked for.
func TestSuspendedIsCurrentWhereSuspendedObjectsAreExpected(t *testing.T) {
	checks := kustomizations(t, "backups.yaml")["hsm-backups-suspended"].Spec.HealthCheckExprs
	for _, path := range objects(t) {
		want := expected(t, path)
		switch base := filepath.Base(path); {
		case want == status.TerminatingStatus:
			want = status.InProgressStatus
		case reason(t, path) == "Suspended" && !strings.HasPrefix(base, "stale"):
			want = status.CurrentStatus
		}
		if got := conclude(t, checks, path); got != want {
			t.Errorf("%s: want %s, got %s", path, want, got)
		}
	}
}
