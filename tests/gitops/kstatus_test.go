package gitops

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	upstream "sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

const (
	current    = status.CurrentStatus
	inProgress = status.InProgressStatus
	failed     = status.FailedStatus
)

// The documented decision table: Ready is True, the reason comes with Reconciling, with Stalled, or with neither.
var byReason = map[string]status.Status{
	"Available":           current,
	"Creating":            inProgress,
	"Restoring":           inProgress,
	"Updating":            inProgress,
	"RestoreWindowClosed": failed,
	"Deleting":            inProgress,
	"PendingDeletion":     current,
	"Deleted":             current,
	"BackupNotFound":      failed,
	"UnknownBackupState":  failed,
	"Suspended":           inProgress,
	"WriteNotAllowed":     inProgress,
	"Conflict":            failed,
	"AccessDenied":        failed,
	"InvalidRequest":      failed,
	"NoRegion":            failed,
	"Throttled":           inProgress,
	"AwsUnavailable":      inProgress,
	"NoCredentials":       inProgress,
}

// Where the reason isn't what counts.
func expected(t *testing.T, path string) status.Status {
	t.Helper()
	switch name := filepath.Base(path); {
	case strings.HasPrefix(name, "being-removed"):
		return status.TerminatingStatus
	case name == "unseen.yaml", strings.HasPrefix(name, "stale"):
		return inProgress
	}
	found, ok := byReason[reason(t, path)]
	if !ok {
		t.Fatalf("%s: the table has no reason %q", path, reason(t, path))
	}
	return found
}

func reason(t *testing.T, path string) string {
	t.Helper()
	conditions, _, err := unstructured.NestedSlice(load(t, path).Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}
	for _, condition := range conditions {
		if condition := condition.(object); condition["type"] == "Ready" {
			return condition["reason"].(string)
		}
	}
	return ""
}

// load reads an object with whole numbers as such, as a client of the API server does.
func load(t *testing.T, path string) *unstructured.Unstructured {
	t.Helper()
	var loaded unstructured.Unstructured
	if err := unmarshalObject(read(t, path), &loaded); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &loaded
}

func TestKstatusOfEachObject(t *testing.T) {
	seen := map[string]bool{}
	for _, path := range objects(t) {
		seen[reason(t, path)] = true
		result, err := status.Compute(load(t, path))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if want := expected(t, path); result.Status != want {
			t.Errorf("%s: want %s, got %s: %s", path, want, result.Status, result.Message)
		}
		upstream, err := upstream.Compute(load(t, path))
		if err != nil || upstream.Status.String() != expected(t, path).String() {
			t.Errorf("%s: Kubernetes' own kstatus: %v %v", path, upstream, err)
		}
	}
	for reason := range byReason {
		if !seen[reason] {
			t.Errorf("no object has the reason %s", reason)
		}
	}
}

// What people read where a tool shows a message of kstatus: the operator's own words, not kstatus's.
func TestKstatusTellsTheMessageOfAStalledOrReconcilingObject(t *testing.T) {
	for _, path := range objects(t) {
		result, err := status.Compute(load(t, path))
		if err != nil {
			t.Fatal(err)
		}
		wanted := expected(t, path)
		if base := filepath.Base(path); wanted == current || wanted == status.TerminatingStatus || base == "unseen.yaml" || strings.HasPrefix(base, "stale") {
			continue
		}
		conditions, _, _ := unstructured.NestedSlice(load(t, path).Object, "status", "conditions")
		if message := conditions[0].(object)["message"]; result.Message != message {
			t.Errorf("%s: kstatus says %q, the operator %q", path, result.Message, message)
		}
	}
}

// Without the CRD's default of status kstatus would take an object for finished that no operator has seen.
func TestKstatusNeedsTheDefaultOfStatus(t *testing.T) {
	unseen := load(t, filepath.Join(argocd, "testdata/unseen.yaml"))
	delete(unseen.Object, "status")
	result, err := status.Compute(unseen)
	if err != nil || result.Status != current {
		t.Fatalf("kstatus has changed: the default may go. %v %v", result, err)
	}
	crd := decode[object](t, "../../crds/cloudhsmbackups.yaml")
	versions, _, _ := unstructured.NestedSlice(crd, "spec", "versions")
	for _, version := range versions {
		value, found, err := unstructured.NestedFieldNoCopy(version.(object), "schema", "openAPIV3Schema", "properties", "status", "default", "observedGeneration")
		if !found || err != nil || value != float64(-1) {
			t.Errorf("status has no default with observedGeneration -1: %v %v", value, err)
		}
	}
}
