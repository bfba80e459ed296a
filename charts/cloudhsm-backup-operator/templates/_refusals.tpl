{{/* What the schema can't tell, or not in words that help. */}}
{{- define "cloudhsm-backup-operator.refusals" -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: without leaderElection.enabled only one may run: set replicas to 1, or leaderElection.enabled to true" -}}
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
{{- if hasKey $seen .name -}}
{{- fail (printf "extraEnv: %s: %s" .name (get $seen .name)) -}}
{{- end -}}
{{- $_ := set $seen .name "it is there twice" -}}
{{- end -}}
{{- end -}}
