{{/* What the operator may do to objects; nothing else needs to be added for it to work. */}}
{{- define "cloudhsm-backup-operator.rules" -}}
- apiGroups: [cloudhsm.dev]
  resources: [cloudhsmbackups]
  verbs: [get, list, watch]
- apiGroups: [cloudhsm.dev]
  resources: [cloudhsmbackups/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{- define "cloudhsm-backup-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "cloudhsm-backup-operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
