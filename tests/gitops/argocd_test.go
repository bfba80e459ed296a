package gitops

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const argocd = "../../deploy/argocd"

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func decode[T any](t *testing.T, path ...string) T {
	t.Helper()
	var value T
	if err := yaml.UnmarshalStrict([]byte(read(t, path...)), &value); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	return value
}

func parse[T any](t *testing.T, text []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

type object = map[string]any

type health struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// The layout of Argo CD's health_test.yaml.
type healthTests struct {
	Tests []struct {
		InputPath    string `json:"inputPath"`
		HealthStatus health `json:"healthStatus"`
	} `json:"tests"`
}

func healthOf(t *testing.T, with libraries, object object) health {
	t.Helper()
	result, err := run(t, with, read(t, argocd, "health.lua"), object, nil)
	if err != nil {
		t.Fatal(err)
	}
	return parse[health](t, result)
}

func TestHealthOfEachObject(t *testing.T) {
	tests := decode[healthTests](t, argocd, "health_test.yaml").Tests
	tested := map[string]bool{}
	for _, test := range tests {
		tested[test.InputPath] = true
		t.Run(test.InputPath, func(t *testing.T) {
			for _, with := range []libraries{baseAndTable, asArgoCD, all} {
				got := healthOf(t, with, decode[object](t, argocd, test.InputPath))
				if diff := cmp.Diff(test.HealthStatus, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	for _, path := range objects(t) {
		if name := strings.TrimPrefix(path, argocd+"/"); !tested[name] {
			t.Errorf("health_test.yaml has no test of %s", name)
		}
	}
}

// What never comes from the operator, but may be there: another version, a wiped status, an edit by hand.
func TestHealthOfWhatTheOperatorDoesNotWrite(t *testing.T) {
	progressing := func(message string) health { return health{"Progressing", message} }
	unseen := "waiting for the operator to see this object"
	for name, test := range map[string]struct {
		change func(object)
		want   health
	}{
		"no status":             {func(o object) { delete(o, "status") }, progressing(unseen)},
		"an empty status":       {func(o object) { o["status"] = object{} }, progressing(unseen)},
		"no observedGeneration": {func(o object) { delete(o["status"].(object), "observedGeneration") }, progressing(unseen)},
		"no conditions":         {func(o object) { delete(o["status"].(object), "conditions") }, progressing("waiting for the operator to report")},
		"an empty list":         {func(o object) { o["status"].(object)["conditions"] = []any{} }, progressing("waiting for the operator to report")},
		"others' conditions":    {func(o object) { o["status"].(object)["conditions"] = []any{condition("Synced", "True", "it is")} }, progressing("waiting for the operator to report")},
		"Ready unknown":         {func(o object) { o["status"].(object)["conditions"] = []any{condition("Ready", "Unknown", "who knows")} }, progressing("who knows")},
		"Stalled that isn't True": {func(o object) {
			o["status"].(object)["conditions"] = []any{condition("Stalled", "False", "no"), condition("Ready", "True", "yes")}
		}, health{"Healthy", "yes"}},
		"Stalled after a true Ready": {func(o object) {
			o["status"].(object)["conditions"] = []any{condition("Ready", "True", "yes"), condition("Stalled", "True", "no")}
		}, health{"Degraded", "no"}},
		"a true Ready without word": {func(o object) { o["status"].(object)["conditions"] = []any{object{"type": "Ready", "status": "True"}} }, health{"Healthy", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			given := decode[object](t, argocd, "testdata/present-ready.yaml")
			test.change(given)
			if diff := cmp.Diff(test.want, healthOf(t, baseAndTable, given)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func condition(kind, status, message string) object {
	return object{"type": kind, "status": status, "message": message, "reason": "Some"}
}

type action struct {
	Name        string  `json:"name"`
	Disabled    bool    `json:"disabled"`
	IconClass   string  `json:"iconClass,omitempty"`
	DisplayName string  `json:"displayName,omitempty"`
	Params      []param `json:"params,omitempty"`
}

type param struct {
	Name string `json:"name"`
}

// The layout of Argo CD's action_test.yaml.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string   `json:"inputPath"`
		Result    []action `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action               string            `json:"action"`
		InputPath            string            `json:"inputPath"`
		ExpectedOutputPath   string            `json:"expectedOutputPath"`
		ExpectedErrorMessage string            `json:"expectedErrorMessage"`
		Parameters           map[string]string `json:"parameters"`
	} `json:"actionTests"`
}

func discover(t *testing.T, with libraries, given object) map[string]action {
	t.Helper()
	result, err := run(t, with, read(t, argocd, "actions/discovery.lua"), given, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := parse[map[string]action](t, result)
	for name, action := range found {
		action.Name = name
		found[name] = action
	}
	return found
}

func TestDiscoveryOfActions(t *testing.T) {
	for _, test := range decode[actionTests](t, argocd, "actions/action_test.yaml").DiscoveryTests {
		t.Run(test.InputPath, func(t *testing.T) {
			want := map[string]action{}
			for _, action := range test.Result {
				want[action.Name] = action
			}
			for _, with := range []libraries{baseAndTable, asArgoCD, all} {
				got := discover(t, with, decode[object](t, argocd, "actions", test.InputPath))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// Argo CD lists them by the names of the folders, and its permissions by the same names.
func TestEachActionIsDiscoveredAndTested(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(argocd, "actions/*/action.lua"))
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, test := range decode[actionTests](t, argocd, "actions/action_test.yaml").ActionTests {
		if test.ExpectedErrorMessage == "" {
			tested[test.Action] = true
		}
	}
	found := discover(t, baseAndTable, decode[object](t, argocd, "testdata/present-ready.yaml"))
	for _, folder := range folders {
		name := filepath.Base(filepath.Dir(folder))
		if _, ok := found[name]; !ok || !tested[name] {
			t.Errorf("%s: discovered %v, tested %v", name, ok, tested[name])
		}
		delete(found, name)
	}
	if len(found) > 0 {
		t.Errorf("discovered, but there is no action.lua: %v", found)
	}
}

// For each object that there can be, Argo CD's actions fit what can be done.
func TestNoActionIsOfferedThatItsScriptRefuses(t *testing.T) {
	for _, path := range objects(t) {
		given := decode[object](t, path)
		for name, action := range discover(t, asArgoCD, given) {
			_, err := act(t, asArgoCD, name, given, map[string]string{"backupId": "backup-ro5c4er4aac"})
			if !action.Disabled && err != nil {
				t.Errorf("%s offers %s, which says: %v", path, name, err)
			}
		}
	}
}

func act(t *testing.T, with libraries, name string, given object, parameters map[string]string) (json.RawMessage, error) {
	t.Helper()
	return run(t, with, read(t, argocd, "actions", name, "action.lua"), given, parameters)
}

const requestedAt = "cloudhsm.dev/requested-at"

func TestActions(t *testing.T) {
	for _, test := range decode[actionTests](t, argocd, "actions/action_test.yaml").ActionTests {
		t.Run(test.Action+"/"+test.InputPath, func(t *testing.T) {
			given := decode[object](t, argocd, "actions", test.InputPath)
			// As in a live object: Lua can't tell an empty map from an empty list.
			given["metadata"].(object)["managedFields"] = []any{object{
				"manager": "argocd-controller", "fieldsV1": object{"f:spec": object{"f:desiredState": object{}}},
			}}
			result, err := act(t, asArgoCD, test.Action, given, test.Parameters)
			if test.ExpectedErrorMessage != "" {
				if err == nil || err.Error() != test.ExpectedErrorMessage {
					t.Fatalf("want %q, got %v", test.ExpectedErrorMessage, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := patch(t, decode[object](t, argocd, "actions", test.InputPath), decode[object](t, argocd, "actions", test.ExpectedOutputPath))
			got := patch(t, given, restoreEmptyMaps(parse[any](t, result), given))
			if diff := cmp.Diff(normalized(want), normalized(got)); diff != "" {
				t.Errorf("Argo CD would patch more or less than it should:\n%s", diff)
			}
		})
	}
}

// patch is what Argo CD sends to the API server when an action has turned one object into the other.
func patch(t *testing.T, before, after any) object {
	t.Helper()
	texts := [2][]byte{}
	for i, value := range []any{before, after} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = text
	}
	merge, err := jsonpatch.CreateMergePatch(texts[0], texts[1])
	if err != nil {
		t.Fatal(err)
	}
	return parse[object](t, merge)
}

// Argo CD's own tests set such times to a fixed value too.
func normalized(patch object) object {
	metadata, _ := patch["metadata"].(object)
	annotations, _ := metadata["annotations"].(object)
	if _, ok := annotations[requestedAt]; ok {
		annotations[requestedAt] = "some time"
	}
	return patch
}

func TestAllActionsButRefreshGetByWithBaseAndTable(t *testing.T) {
	for name, path := range map[string]string{
		"restore": "deleted-pending-deletion", "delete": "present-ready", "suspend": "present-ready", "resume": "suspended-deletion-due",
	} {
		given := decode[object](t, argocd, "testdata", path+".yaml")
		if _, err := act(t, baseAndTable, name, given, map[string]string{"backupId": "backup-ro5c4er4aac"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
