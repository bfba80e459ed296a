{{/* What the values say, as the operator's and the AWS SDK's variables: so `kubectl set env` changes one at 3 a.m., and a flag in extraArgs wins. */}}
{{- define "cloudhsm-backup-operator.environment" -}}
- name: CLOUDHSM_BACKUP_OPERATOR_MODE
  value: {{ .Values.mode | quote }}
{{- with .Values.watchNamespaces }}
- name: CLOUDHSM_BACKUP_OPERATOR_NAMESPACE
  value: {{ join "," . | quote }}
{{- end }}
- name: CLOUDHSM_BACKUP_OPERATOR_RESYNC_INTERVAL
  value: {{ .Values.resyncInterval | quote }}
- name: CLOUDHSM_BACKUP_OPERATOR_AWS_QPS
  value: {{ .Values.aws.qps | toString | quote }}
- name: CLOUDHSM_BACKUP_OPERATOR_AWS_BURST
  value: {{ .Values.aws.burst | int64 | quote }}
- name: CLOUDHSM_BACKUP_OPERATOR_LISTEN
  value: {{ .Values.listen | quote }}
- name: CLOUDHSM_BACKUP_OPERATOR_LEADER_ELECT
  value: {{ .Values.leaderElection.enabled | quote }}
{{- if .Values.leaderElection.enabled }}
- name: CLOUDHSM_BACKUP_OPERATOR_LEASE_NAMESPACE
  value: {{ .Release.Namespace | quote }}
- name: CLOUDHSM_BACKUP_OPERATOR_LEASE_NAME
  value: {{ include "cloudhsm-backup-operator.fullname" . | quote }}
{{- end }}
- name: CLOUDHSM_BACKUP_OPERATOR_LOG_FORMAT
  value: {{ .Values.logFormat | quote }}
- name: RUST_LOG
  value: {{ .Values.logLevel | quote }}
{{- with .Values.aws.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.aws.endpointUrl }}
- name: AWS_ENDPOINT_URL_CLOUDHSM_V2
  value: {{ . | quote }}
{{- end }}
{{- if .Values.aws.useFips }}
- name: AWS_USE_FIPS_ENDPOINT
  value: "true"
{{- end }}
{{- if .Values.aws.useDualStack }}
- name: AWS_USE_DUALSTACK_ENDPOINT
  value: "true"
{{- end }}
{{- end -}}

{{- define "cloudhsm-backup-operator.resyncSeconds" -}}
{{- $seconds := 0 -}}
{{- range $unit, $in := dict "h" 3600 "m" 60 "s" 1 -}}
{{- $seconds = regexFind (printf "[0-9]+%s" $unit) $.Values.resyncInterval | trimSuffix $unit | default "0" | int64 | mul $in | add $seconds -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}
