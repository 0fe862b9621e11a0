{{- define "rusteze.injector.name" -}}
{{ include "rusteze.fullname" . }}-injector
{{- end }}

{{- define "rusteze.injector.labels" -}}
{{ include "rusteze.labels" . }}
app.kubernetes.io/component: injector
{{- end }}

{{- define "rusteze.injector.selectorLabels" -}}
{{ include "rusteze.selectorLabels" . }}
app.kubernetes.io/component: injector
{{- end }}

{{- /* The Secret with the injector's certificate, whoever makes it. */}}
{{- define "rusteze.injector.secret" -}}
{{- if eq .Values.injector.certs.mode "existing" -}}
{{ required "injector.certs.existingSecret: name the Secret with tls.crt and tls.key" .Values.injector.certs.existingSecret }}
{{- else -}}
{{ include "rusteze.injector.name" . }}-certificate
{{- end -}}
{{- end }}
