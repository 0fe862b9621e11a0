{{- /*
What a pod that uses a backend gets: {settings, volumes, volumeMounts}.
Takes a dict: values (this library's) and backend, an entry of `backends`, or an empty dict for a pod that names its servers itself.
*/}}
{{- define "rusteze-lib.backend" -}}
{{- $backend := .backend -}}
{{- $settings := dict -}}
{{- with $backend.service -}}
{{- $_ := set $settings "service" (printf "%s/%s%s" $backend.namespace . (ternary (printf ":%v" $backend.port) "" (hasKey $backend "port"))) -}}
{{- end -}}
{{- with $backend.primaryService }}{{ $_ := set $settings "primary-service" (printf "%s/%s" $backend.namespace .) }}{{ end -}}
{{- $sources := list -}}
{{- with $backend.authSecret -}}
{{- $items := list (dict "key" (.passwordKey | default "password") "path" "password") -}}
{{- $_ := set $settings "backend-password-file" "/etc/rusteze/backend/password" -}}
{{- with .usernameKey -}}
{{- $items = append $items (dict "key" . "path" "username") -}}
{{- $_ := set $settings "backend-username-file" "/etc/rusteze/backend/username" -}}
{{- end -}}
{{- with .sentinelPasswordKey -}}
{{- $items = append $items (dict "key" . "path" "sentinel-password") -}}
{{- $_ := set $settings "sentinel-password-file" "/etc/rusteze/backend/sentinel-password" -}}
{{- end -}}
{{- $sources = append $sources (dict "secret" (dict "name" .name "items" $items)) -}}
{{- end -}}
{{- with $backend.tls -}}
{{- $_ := set $settings "backend-tls" "on" -}}
{{- with .serverName }}{{ $_ := set $settings "backend-tls-server-name" . }}{{ end -}}
{{- $items := list -}}
{{- $tls := hasKey . "secret" | ternary (merge (dict) . (dict "caKey" "ca.crt")) . -}}
{{- range $key, $file := dict "caKey" "ca" "certKey" "cert" "keyKey" "key" -}}
{{- with get $tls $key -}}
{{- $items = append $items (dict "key" . "path" (printf "%s.pem" $file)) -}}
{{- $_ := set $settings (printf "backend-tls-%s-file" $file) (printf "/etc/rusteze/backend/%s.pem" $file) -}}
{{- end -}}
{{- end -}}
{{- with .secret }}{{ $sources = append $sources (dict "secret" (dict "name" . "items" $items)) }}{{ end -}}
{{- end -}}
settings: {{- toYaml (mergeOverwrite (deepCopy .values.settings) $settings ($backend.settings | default dict)) | nindent 2 }}
{{- if $sources }}
# One volume for both Secrets. A Secret that is missing keeps the pod from starting, and its events say so.
volumes:
  - name: rusteze-backend
    projected:
      sources: {{- toYaml $sources | nindent 8 }}
volumeMounts:
  - name: rusteze-backend
    mountPath: /etc/rusteze/backend
    readOnly: true
{{- else }}
volumes: []
volumeMounts: []
{{- end }}
{{- end }}
