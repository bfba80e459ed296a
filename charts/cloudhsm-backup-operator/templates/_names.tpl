{{- define "cloudhsm-backup-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "cloudhsm-backup-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of what stands outside of the release's namespace, where releases of the same name in other namespaces put theirs too. */}}
{{- define "cloudhsm-backup-operator.globalName" -}}
{{- $fullname := include "cloudhsm-backup-operator.fullname" . -}}
{{- if eq .Release.Namespace $fullname -}}
{{- $fullname -}}
{{- else -}}
{{- printf "%s:%s" .Release.Namespace $fullname -}}
{{- end -}}
{{- end -}}

{{- define "cloudhsm-backup-operator.serviceAccountName" -}}
{{- default (include "cloudhsm-backup-operator.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "cloudhsm-backup-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cloudhsm-backup-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "cloudhsm-backup-operator.labels" -}}
{{- $labels := include "cloudhsm-backup-operator.selectorLabels" . | fromYaml -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $labels "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service -}}
{{- merge $labels (.Values.commonLabels | default dict) | toYaml -}}
{{- end -}}

{{- define "cloudhsm-backup-operator.image" -}}
{{- $image := .Values.image.repository -}}
{{- if or .Values.image.tag (not .Values.image.digest) -}}
{{- $image = printf "%s:%s" $image (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- with .Values.image.digest -}}
{{- $image = printf "%s@%s" $image . -}}
{{- end -}}
{{- $image -}}
{{- end -}}

{{- define "cloudhsm-backup-operator.port" -}}
{{- regexFind "[0-9]+$" .Values.listen -}}
{{- end -}}
