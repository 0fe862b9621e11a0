{{- /* Any YAML as an expression of CEL. Lists and maps in CEL hold values of one type, hence dyn() around each value. */}}
{{- define "rusteze-lib.cel" -}}
{{- $value := . -}}
{{- if kindIs "map" $value -}}
{ {{- range $index, $key := keys $value | sortAlpha }}{{ if $index }}, {{ end }}{{ $key | toJson }}: dyn({{ include "rusteze-lib.cel" (get $value $key) }}){{ end -}} }
{{- else if kindIs "slice" $value -}}
[ {{- range $index, $element := $value }}{{ if $index }}, {{ end }}dyn({{ include "rusteze-lib.cel" $element }}){{ end -}} ]
{{- else -}}
{{- $value | toJson -}}
{{- end -}}
{{- end }}
