package gitops

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/gobwas/glob"
	corev1 "k8s.io/api/core/v1"
)

// Argo CD's assets/model.conf.
const argocdModel = `
[request_definition]
r = sub, res, act, obj

[policy_definition]
p = sub, res, act, obj, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = g(r.sub, p.sub) && globOrRegexMatch(r.res, p.res) && globOrRegexMatch(r.act, p.act) && globOrRegexMatch(r.obj, p.obj)
`

// What of Argo CD's assets/builtin-policy.csv is about actions.
const builtIn = `
p, role:admin, applications, action/*, */*, allow
g, role:admin, role:readonly
g, admin, role:admin
`

func enforcer(t *testing.T, policy string) *casbin.Enforcer {
	t.Helper()
	rules, err := model.NewModelFromString(argocdModel)
	if err != nil {
		t.Fatal(err)
	}
	lines := csv.NewReader(strings.NewReader(builtIn + policy))
	lines.TrimLeadingSpace, lines.Comment, lines.FieldsPerRecord = true, '#', -1
	records, err := lines.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		if wanted := map[string]int{"p": 6, "g": 3}[record[0]]; len(record) != wanted {
			t.Fatalf("not a policy: %v", record)
		}
		rules[record[0]][record[0]].Policy = append(rules[record[0]][record[0]].Policy, record[1:])
	}
	enforcer, err := casbin.NewEnforcer(rules)
	if err != nil {
		t.Fatal(err)
	}
	enforcer.AddFunction("globOrRegexMatch", func(arguments ...any) (any, error) {
		pattern, err := glob.Compile(arguments[1].(string))
		return err == nil && pattern.Match(arguments[0].(string)), err
	})
	if err := enforcer.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return enforcer
}

func TestOnCallMayRestoreAndNeitherTheyNorAdministratorsDelete(t *testing.T) {
	data := decode[corev1.ConfigMap](t, argocd, "argocd-rbac-cm.yaml").Data
	// Argo CD adds every policy.*.csv to policy.csv. Any other key would replace one that is there already.
	policy := data["policy.hsm.csv"]
	if len(data) != 1 || policy == "" {
		t.Fatalf("policy.hsm.csv should be its only key: %v", data)
	}
	theirs := "p, role:wide, applications, action/*, */*, allow\n"
	shipped, without := enforcer(t, theirs+policy), enforcer(t, "")
	allowed := func(enforcer *casbin.Enforcer, subject, action, application string) bool {
		allowed, err := enforcer.Enforce(subject, "applications", "action/cloudhsm.dev/CloudHsmBackup/"+action, application)
		if err != nil {
			t.Fatal(err)
		}
		return allowed
	}
	for action := range discover(t, baseAndTable, decode[object](t, argocd, "testdata/present-ready.yaml")) {
		onCall, administrator := action != "delete", action != "delete"
		if got := allowed(shipped, "example:hsm-on-call", action, "hsm/hsm-backups"); got != onCall {
			t.Errorf("on call, %s: %v", action, got)
		}
		if got := allowed(shipped, "admin", action, "hsm/hsm-backups"); got != administrator {
			t.Errorf("administrators, %s: %v", action, got)
		}
		for _, subject := range []string{"example:hsm-on-call", "somebody", "role:readonly"} {
			if allowed(shipped, subject, action, "other/backups") {
				t.Errorf("%s, %s in another project", subject, action)
			}
		}
		if allowed(shipped, "somebody", action, "hsm/hsm-backups") {
			t.Errorf("somebody, %s", action)
		}
		// As the guide says: only the API server stops them.
		if !allowed(shipped, "role:wide", action, "hsm/hsm-backups") {
			t.Errorf("a role of theirs may no longer %s", action)
		}
		// Why the policy denies it.
		if !allowed(without, "admin", action, "hsm/hsm-backups") {
			t.Errorf("without the policy administrators may not %s", action)
		}
	}
}
