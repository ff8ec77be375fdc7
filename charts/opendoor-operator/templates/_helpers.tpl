{{/* The name of everything: the release's. */}}
{{- define "opendoor.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "opendoor.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "opendoor.name" .) -}}
{{- end -}}

{{/* Who the operator is to the API server. */}}
{{- define "opendoor.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "opendoor.serviceAccount" . }}
{{- end -}}

{{- define "opendoor.selector" -}}
app.kubernetes.io/name: opendoor-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "opendoor.labels" -}}
{{ include "opendoor.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "opendoor.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Every connection, the simulator's too. */}}
{{- define "opendoor.connections" -}}
{{- $all := .Values.connections -}}
{{- if .Values.simulator.enabled -}}
{{- $all = append $all (dict "name" "simulator" "url" "http://127.0.0.1:8090" "allowedNamespaces" .Values.simulator.allowedNamespaces "allowLoopback" true) -}}
{{- end -}}
{{ toYaml $all }}
{{- end -}}

{{/* The RoleBinding that the operator keeps in each of its namespaces; empty: none. */}}
{{- define "opendoor.roleBinding" -}}
{{- if and .Values.namespaces .Values.rbac.clusterRole -}}
{{ include "opendoor.name" . }}-namespace
{{- end -}}
{{- end -}}

{{/* The operator's configuration file. */}}
{{- define "opendoor.config" -}}
connections:
  {{- include "opendoor.connections" . | nindent 2 }}
namespaces: {{ toJson .Values.namespaces }}
{{- with include "opendoor.roleBinding" . }}
roleBinding: {{ . }}
{{- end }}
concurrency: {{ .Values.concurrency }}
leaseDuration: {{ .Values.leaseDuration }}
abandonAfter: {{ .Values.abandonAfter }}
{{- end -}}

{{/* What the operator does with our kinds and around them, wherever it looks after something. */}}
{{- define "opendoor.rules" -}}
- apiGroups: [opendoor.dev]
  resources: [portfolios, properties, doorassignments, partnerkeys]
  verbs: [list, watch, patch] # patch: finalizers
- apiGroups: [opendoor.dev]
  resources: [doorsyncorders]
  verbs: [list, watch, create, delete]
- apiGroups: [opendoor.dev]
  resources: [portfolios/status, properties/status, doorassignments/status, partnerkeys/status, doorsyncorders/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.rbac.secretNames }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get] # each by the name a Portfolio says; never a list
{{- end -}}

{{/* The container rules of PodSecurity "restricted". */}}
{{- define "opendoor.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}
