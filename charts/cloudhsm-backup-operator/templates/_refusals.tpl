{{/* What the schema can't tell, or not in words that help. */}}
{{- define "cloudhsm-backup-operator.refusals" -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: without leaderElection.enabled only one may run: set replicas to 1, or leaderElection.enabled to true" -}}
{{- end -}}
{{- $strategy := .Values.updateStrategy | default dict -}}
{{- $recreate := eq (get $strategy "type") "Recreate" -}}
{{- if and $strategy (not $recreate) (not .Values.leaderElection.enabled) -}}
{{- fail "updateStrategy: without leaderElection.enabled an old and a new pod would act at once: leave it empty or set its type to Recreate, or set leaderElection.enabled to true" -}}
{{- end -}}
{{- if and $recreate $strategy.rollingUpdate -}}
{{- fail "updateStrategy.rollingUpdate: it goes with the type RollingUpdate alone: leave it out" -}}
{{- end -}}
{{- range .Values.extraArgs -}}
{{- if or (eq . "--leader-elect") (hasPrefix "--leader-elect=" .) -}}
{{- fail (printf "extraArgs: %s: set leaderElection.enabled instead, by which replicas, updateStrategy and rights go" .) -}}
{{- end -}}
{{- if or (eq . "--mode") (hasPrefix "--mode=" .) -}}
{{- fail (printf "extraArgs: %s: set mode instead, which a flag would silently overrule" .) -}}
{{- end -}}
{{- end -}}
{{- $fullname := include "cloudhsm-backup-operator.fullname" . -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" $fullname) -}}
{{- fail (printf "fullnameOverride: Kubernetes takes no Service named %s: set a name that begins with a letter and has no dots" $fullname) -}}
{{- end -}}
{{- if gt (include "cloudhsm-backup-operator.resyncSeconds" . | int64) 31536000 -}}
{{- fail (printf "resyncInterval: %s: the operator takes a year, 8760h, at most" .Values.resyncInterval) -}}
{{- end -}}
{{- if regexMatch "^(127\\.|\\[::1\\])" .Values.listen -}}
{{- fail (printf "listen: %s: the kubelet's probes and Prometheus come from outside of the pod: listen on 0.0.0.0 or [::]" .Values.listen) -}}
{{- end -}}
{{- if gt (include "cloudhsm-backup-operator.port" . | int) 65535 -}}
{{- fail (printf "listen: %s: give a port from 1 to 65535" .Values.listen) -}}
{{- end -}}
{{- with .Values.securityContext -}}
{{- if and .privileged (eq (toString .allowPrivilegeEscalation) "false") -}}
{{- fail "securityContext.privileged: Kubernetes takes it with allowPrivilegeEscalation alone, and the operator needs neither: leave it out" -}}
{{- end -}}
{{- end -}}
{{- if .Values.crds.keep -}}
{{- $kept := dict "helm.sh/resource-policy" "keep" "kustomize.toolkit.fluxcd.io/prune" "disabled" -}}
{{- range $name, $value := .Values.crds.annotations -}}
{{- $against := ne $value (get $kept $name | default $value) -}}
{{- if eq $name "argocd.argoproj.io/sync-options" -}}
{{- range splitList "," $value -}}
{{- $against = or $against (and (hasPrefix "Prune=" (trim .)) (ne (trim .) "Prune=false")) -}}
{{- end -}}
{{- end -}}
{{- if $against -}}
{{- fail (printf "crds.annotations: %s: %s: it goes against crds.keep: leave it out, or set crds.keep to false" $name $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.aws.endpointUrl (or .Values.aws.useFips .Values.aws.useDualStack) -}}
{{- fail "aws.endpointUrl: the AWS SDK takes no endpoint of its own together with aws.useFips or aws.useDualStack: name the FIPS or dual-stack endpoint in aws.endpointUrl and leave the two false, or leave aws.endpointUrl empty" -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name: name the ServiceAccount to use, or set serviceAccount.create to true; the namespace's default one shall not get these rights" -}}
{{- end -}}
{{- $ours := include "cloudhsm-backup-operator.environment" . | fromYamlArray -}}
{{- $seen := dict -}}
{{- range $ours -}}
{{- $_ := set $seen .name "it is set by a value of its own: use that, or extraArgs" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if and (hasKey . "value") (hasKey . "valueFrom") -}}
{{- fail (printf "extraEnv: %s: give value or valueFrom, not both" .name) -}}
{{- end -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "extraEnv: %s: %s" .name (get $seen .name)) -}}
{{- end -}}
{{- $_ := set $seen .name "it is there twice" -}}
{{- end -}}
{{- end -}}
