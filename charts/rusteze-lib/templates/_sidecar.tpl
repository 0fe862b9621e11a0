{{- /*
For charts that put the sidecar into their pods themselves: what injection does, without annotations.
Each takes a dict:
  values   the values of this library, as in .Values.rusteze
  backend  the servers, shaped like an entry of `backends` in the chart rusteze; or nothing, where values.settings name them
  socket   true: the sidecar listens on unix:/var/run/rusteze/redis.sock as well, see rusteze-lib.socketMount
*/}}

{{- /* The container; to be the first of initContainers. */}}
{{- define "rusteze-lib.sidecar" -}}
{{- $container := include "rusteze-lib.container" .values | fromYaml -}}
{{- $backend := include "rusteze-lib.backend" (dict "values" .values "backend" (.backend | default dict)) | fromYaml -}}
{{- $environment := list -}}
{{- $names := list -}}
{{- range $key := include "rusteze-lib.settingKeys" . | fromYamlArray -}}
{{- if hasKey $backend.settings $key -}}
{{- $value := get $backend.settings $key -}}
{{- if and $.socket (eq $key "listen") }}{{ $value = printf "%s,unix:/var/run/rusteze/redis.sock" $value }}{{ end -}}
{{- $name := printf "RUSTEZE_%s" ($key | upper | replace "-" "_") -}}
{{- $environment = append $environment (dict "name" $name "value" $value) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- $common := list -}}
{{- range $container.env }}{{ if not (has .name $names) }}{{ $common = append $common . }}{{ end }}{{ end -}}
{{- $_ := set $container "env" (concat $common $environment) -}}
{{- $mounts := concat $container.volumeMounts $backend.volumeMounts -}}
{{- if .socket }}{{ $mounts = append $mounts (include "rusteze-lib.socketMount" . | fromYaml) }}{{ end -}}
{{- $_ := set $container "volumeMounts" $mounts -}}
{{- toYaml $container -}}
{{- end }}

{{- /* The volumes that it mounts. */}}
{{- define "rusteze-lib.sidecarVolumes" -}}
{{- $backend := include "rusteze-lib.backend" (dict "values" .values "backend" (.backend | default dict)) | fromYaml -}}
{{- $volumes := concat (include "rusteze-lib.volumes" . | fromYamlArray) $backend.volumes -}}
{{- if .socket }}{{ $volumes = append $volumes (include "rusteze-lib.socketVolume" . | fromYaml) }}{{ end -}}
{{- toYaml $volumes -}}
{{- end }}

{{- /* The mark of a pod that has a sidecar, by which monitoring finds it. */}}
{{- define "rusteze-lib.podLabels" -}}
rusteze.io/injected: {{ include "rusteze-lib.version" . | quote }}
{{- end }}
