{{- /* Written by `npm run charts` from package.json and src/config.ts. */}}
{{- define "rusteze-lib.version" -}}
0.1.0
{{- end }}

{{- define "rusteze-lib.settingKeys" -}}
- listen
- socket-mode
- client-password-file
- protected
- clients
- client-idle
- service
- backends
- primary-service
- sentinels
- sentinel-master
- sentinel-password-file
- backend-username
- backend-username-file
- backend-password
- backend-password-file
- backend-tls
- backend-tls-ca-file
- backend-tls-cert-file
- backend-tls-key-file
- backend-tls-server-name
- backend-tls-verify
- shared-connections
- pools
- pins
- pin-wait
- pin-idle
- connect-timeout
- reply-timeout
- reply-limit
- backend-ping
- probe
- output-soft
- output-hard
- query-limit
- in-flight
- memory
- hold
- hold-commands
- hold-bytes
- hold-client-commands
- hold-client-bytes
- pause
- empty-primary-wait
- read-from
- replica-max-lag
- zone
- uncertain
- subscribers-on-failover
- deny
- drain
- drain-idle
- slow
- log-level
- log-format
- startup-wait
- admin-quit
{{- end }}
