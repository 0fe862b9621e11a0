{{- /*
The one definition of the sidecar. Everything that runs it is made from here: the policy, the webhook, charts that use
this library, and the plain manifests. Takes this library's values.

What differs from pod to pod is added to it by the rules of docs/injection.md: settings, resources, mounts of a backend.
*/}}
{{- define "rusteze-lib.container" -}}
name: rusteze
image: {{ include "rusteze-lib.image" . | quote }}
imagePullPolicy: {{ .image.pullPolicy }}
# Init containers that always restart are sidecars: they start before the application and end after it.
restartPolicy: Always
ports:
  - name: rusteze-admin
    containerPort: {{ .adminPort }}
    protocol: TCP
env: {{- include "rusteze-lib.environment" . | nindent 2 }}
volumeMounts: {{- include "rusteze-lib.volumeMounts" . | nindent 2 }}
# Always strings: the policy cannot tell what to make of numbers.
resources:
  {{- range $kind, $amounts := .resources }}
  {{ $kind }}:
    {{- range $resource, $amount := $amounts }}
    {{ $resource }}: {{ $amount | toString | quote }}
    {{- else }} {}
    {{- end }}
  {{- else }} {}
  {{- end }}
# No delay and patience for the first try: a sidecar that dies before its first probe could keep a pod from ever starting.
startupProbe:
  httpGet:
    path: /startup
    port: rusteze-admin
  periodSeconds: 1
  timeoutSeconds: 1
  failureThreshold: {{ .startupProbe.failureThreshold }}
livenessProbe:
  httpGet:
    path: /livez
    port: rusteze-admin
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: {{ .livenessProbe.failureThreshold }}
# A readiness probe would make the pod unready whenever Redis is away; a preStop hook would run while the application still works.
terminationMessagePolicy: FallbackToLogsOnError
securityContext: {{- toYaml .securityContext | nindent 2 }}
{{- end }}

{{- define "rusteze-lib.image" -}}
{{- $registry := (.global | default dict).imageRegistry | default .image.registry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .image.repository }}:{{ .image.tag | default (include "rusteze-lib.version" .) }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* Environment that is the same in all pods. A setting of the same name takes its place. */}}
{{- define "rusteze-lib.environment" -}}
- name: RUSTEZE_ADMIN
  value: {{ printf "[::]:%v" .adminPort | quote }}
# Kubernetes 1.35 puts the label on pods once they are scheduled; before that it is empty, as if it were not set.
- name: RUSTEZE_ZONE
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['topology.kubernetes.io/zone']
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* What every sidecar mounts: a token of its own, so that the application needs none. */}}
{{- define "rusteze-lib.volumes" -}}
- name: rusteze-token
  projected:
    sources:
      - serviceAccountToken:
          # Not 3607, which the API server takes for a legacy token and stretches to a year.
          expirationSeconds: 3600
          path: token
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}

{{- define "rusteze-lib.volumeMounts" -}}
# A mount at this path keeps Kubernetes from mounting its own.
- name: rusteze-token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}

{{- /* The directory of the unix socket; a socket takes no space. */}}
{{- define "rusteze-lib.socketVolume" -}}
name: rusteze-socket
emptyDir:
  sizeLimit: 1Mi
{{- end }}

{{- define "rusteze-lib.socketMount" -}}
name: rusteze-socket
mountPath: /var/run/rusteze
{{- end }}
