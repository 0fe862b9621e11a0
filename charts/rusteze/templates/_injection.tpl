{{- /* The mode that `auto` stands for. `helm template` knows no kinds unless it is told (--api-versions): webhook is what works everywhere. */}}
{{- define "rusteze.mode" -}}
{{- if ne .Values.injection.mode "auto" -}}
{{- .Values.injection.mode -}}
{{- else if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
policy
{{- else -}}
webhook
{{- end -}}
{{- end }}

{{- /*
What is the same for all pods: the policy has it as a variable, the webhook as a file, so that both make the same pod of it.
docs/injection.md describes each field, and the rules that policy.yaml carries out in CEL.
*/}}
{{- define "rusteze.injection" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $default := "" -}}
{{- range reverse .Values.backends }}{{ $default = .name }}{{ end -}}
{{- range .Values.backends }}{{ if .default }}{{ $default = .name }}{{ end }}{{ end -}}
version: {{ include "rusteze-lib.version" . | quote }}
guardAction: {{ .Values.guard.action }}
container: {{- include "rusteze-lib.container" $sidecar | nindent 2 }}
volumes: {{- include "rusteze-lib.volumes" . | nindent 2 }}
imagePullSecrets:
  {{- range $sidecar.imagePullSecrets }}
  - name: {{ . | quote }}
  {{- else }} []
  {{- end }}
socket:
  listen: unix:/var/run/rusteze/redis.sock
  volume: {{- include "rusteze-lib.socketVolume" . | nindent 4 }}
  volumeMount: {{- include "rusteze-lib.socketMount" . | nindent 4 }}
settingKeys: {{- include "rusteze-lib.settingKeys" . | nindent 2 }}
reservedAnnotations: {{- include "rusteze.reservedAnnotations" . | nindent 2 }}
meshContainers: {{- include "rusteze.meshContainers" . | nindent 2 }}
defaultBackend: {{ $default | quote }}
backends:
  # For pods that name their servers themselves.
  "": {{- include "rusteze-lib.backend" (dict "values" $sidecar "backend" dict) | nindent 4 }}
  {{- range .Values.backends }}
  {{ .name | quote }}: {{- include "rusteze-lib.backend" (dict "values" $sidecar "backend" .) | nindent 4 }}
  {{- end }}
{{- end }}

{{- /* The same as JSON. A mistake in the YAML above must not end up as data. */}}
{{- define "rusteze.injectionJson" -}}
{{- $injection := include "rusteze.injection" . | fromYaml -}}
{{- with $injection.Error }}{{ fail . }}{{ end -}}
{{- $injection | toJson -}}
{{- end }}

{{- /* Annotations that are no settings of the proxy. */}}
{{- define "rusteze.reservedAnnotations" -}}
- backend
- unix-socket
- inject-env
- allow-host-network
- cpu-request
- cpu-limit
- memory-request
- memory-limit
{{- end }}

{{- /* These must come first in a pod: they set up its network. */}}
{{- define "rusteze.meshContainers" -}}
- istio-init
- istio-validation
- istio-proxy
- linkerd-init
- linkerd-network-validator
- linkerd-proxy
{{- end }}

{{- /* Which pods are looked at: those of the label, when they are made. */}}
{{- define "rusteze.labelledPods" -}}
objectSelector:
  matchLabels:
    rusteze.io/inject: enabled
namespaceSelector: {{- toYaml .Values.injection.namespaceSelector | nindent 2 }}
resourceRules: {{- include "rusteze.podRules" . | nindent 2 }}
{{- end }}

{{- define "rusteze.podRules" -}}
- apiGroups: [""]
  apiVersions: [v1]
  operations: [CREATE]
  resources: [pods]
{{- end }}

{{- /* A pod that has a sidecar keeps the one it has, such as that of the library chart. */}}
{{- define "rusteze.withoutSidecar" -}}
- name: without-sidecar
  expression: "!(object.spec.?initContainers.orValue([]) + object.spec.containers).exists(c, c.name == 'rusteze')"
{{- end }}
