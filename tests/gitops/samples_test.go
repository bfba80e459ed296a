package gitops

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// documents are those of a YAML file, without the empty ones.
func documents(t *testing.T, path ...string) []string {
	t.Helper()
	var found []string
	for document := range strings.SplitSeq("\n"+read(t, path...), "\n---\n") {
		if len(strict[object](t, document)) > 0 {
			found = append(found, document)
		}
	}
	return found
}

// strict reads a document into the type of the tool itself: a field that the tool doesn't know is an error.
func strict[T any](t *testing.T, document string) T {
	t.Helper()
	var value T
	converted, err := yaml.YAMLToJSONStrict([]byte(document))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, document)
	}
	// As the API server reads: case counts.
	unknown, err := json.UnmarshalStrict(converted, &value)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("%v %v in:\n%s", err, unknown, document)
	}
	return value
}

// The API server holds them to the CRDs in tests/deploy/; this also covers those whose CRD no Go module carries.
func TestTheSamplesForFluxHaveNoFieldThatFluxDoesNotKnow(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(flux, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, path := range paths {
		for _, document := range documents(t, path) {
			head := strict[object](t, document)
			switch kind := head["apiVersion"].(string) + " " + head["kind"].(string); kind {
			case sourcev1.GroupVersion.String() + " GitRepository":
				strict[sourcev1.GitRepository](t, document)
			case sourcev1.GroupVersion.String() + " OCIRepository":
				strict[sourcev1.OCIRepository](t, document)
			case kustomizev1.GroupVersion.String() + " Kustomization":
				kustomization := strict[kustomizev1.Kustomization](t, document)
				if kustomization.Spec.Force || kustomization.Spec.Prune {
					t.Errorf("%s: %s would delete objects", path, kustomization.Name)
				}
			case helmv2.GroupVersion.String() + " HelmRelease":
				strict[helmv2.HelmRelease](t, document)
			case "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy":
				strict[admissionv1.ValidatingAdmissionPolicy](t, document)
			case "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding":
				strict[admissionv1.ValidatingAdmissionPolicyBinding](t, document)
			case "v1 Namespace":
				namespace := strict[corev1.Namespace](t, document)
				// Bootstrap's Kustomization prunes: a moved file would take the namespace with every object in it.
				if namespace.Annotations[kustomizev1.GroupVersion.Group+"/prune"] != kustomizev1.DisabledValue {
					t.Errorf("%s: the namespace %s can be pruned", path, namespace.Name)
				}
			case "v1 ServiceAccount":
				strict[corev1.ServiceAccount](t, document)
			case "rbac.authorization.k8s.io/v1 Role":
				strict[rbacv1.Role](t, document)
			case "rbac.authorization.k8s.io/v1 RoleBinding":
				strict[rbacv1.RoleBinding](t, document)
			default:
				t.Errorf("%s: nothing checks %s", path, kind)
			}
		}
	}
}

func TestTheSamplesInstallThisVersion(t *testing.T) {
	version := regexp.MustCompile(`(?m)^version = "(.+)"$`).FindStringSubmatch(read(t, "../../Cargo.toml"))[1]
	for _, path := range []string{filepath.Join(flux, "operator.yaml"), filepath.Join(argocd, "applications.yaml")} {
		found := regexp.MustCompile(`(?m)^ *(?:tag|targetRevision): (v?)([0-9].*)$`).FindAllStringSubmatch(read(t, path), -1)
		if len(found) != 2 {
			t.Errorf("%s: want a tag of the repository and one of the chart, found %v", path, found)
		}
		for _, tag := range found {
			if tag[2] != version {
				t.Errorf("%s: %s isn't the version in Cargo.toml, %s", path, tag[0], version)
			}
		}
	}
}

type application struct {
	Metadata struct{ Name string }
	Spec     struct {
		SyncPolicy struct {
			Automated struct{ Prune bool }
			Retry     struct {
				Limit   int
				Refresh bool
			}
		}
	}
}

func TestAnApplicationTakesTheRevertOfARefusedRevisionAndPrunesNoCloudHsmBackup(t *testing.T) {
	names := map[string]bool{}
	for _, document := range documents(t, argocd, "applications.yaml") {
		if !strings.Contains(document, "\nkind: Application\n") {
			continue
		}
		var application application
		if err := yaml.Unmarshal([]byte(document), &application); err != nil {
			t.Fatal(err)
		}
		name, policy := application.Metadata.Name, application.Spec.SyncPolicy
		names[name] = true
		if policy.Retry.Limit != 5 || !policy.Retry.Refresh {
			t.Errorf("%s: retry is %+v", name, policy.Retry)
		}
		if policy.Automated.Prune != (name == "cloudhsm-backup-operator") {
			t.Errorf("%s: prune is %v", name, policy.Automated.Prune)
		}
	}
	if len(names) != 3 {
		t.Errorf("found only %v", names)
	}
}

type actions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name string `json:"name"`
		Lua  string `json:"action.lua"`
	} `json:"definitions"`
}

func TestTheConfigMapHoldsTheScripts(t *testing.T) {
	data := decode[corev1.ConfigMap](t, argocd, "argocd-cm.yaml").Data
	const key = "cloudhsm.dev_CloudHsmBackup"
	if data["resource.customizations.health."+key] != read(t, argocd, "health.lua") {
		t.Error("the health script isn't health.lua")
	}
	actions := strict[actions](t, data["resource.customizations.actions."+key])
	if actions.Discovery != read(t, argocd, "actions/discovery.lua") {
		t.Error("the discovery script isn't discovery.lua")
	}
	folders, err := filepath.Glob(filepath.Join(argocd, "actions/*/action.lua"))
	if err != nil || len(folders) != len(actions.Definitions) {
		t.Errorf("%d actions for %d folders: %v", len(actions.Definitions), len(folders), err)
	}
	for _, action := range actions.Definitions {
		if action.Lua != read(t, argocd, "actions", action.Name, "action.lua") {
			t.Errorf("%s isn't actions/%[1]s/action.lua", action.Name)
		}
	}
}
