// A small sidecar.json, as the chart makes it.
import type { SidecarDefinition } from '../../src/injector/sidecar-definition.ts'

export const sidecarDefinition: SidecarDefinition = {
  version: '1.2.3',
  guardAction: 'Deny',
  container: {
    name: 'rusteze',
    env: [
      { name: 'RUSTEZE_ADMIN', value: '[::]:9380' },
      { name: 'RUSTEZE_ZONE', value: 'of the node' },
    ],
    volumeMounts: [{ name: 'token', mountPath: '/token' }],
    resources: { requests: { cpu: '25m', memory: '64Mi', storage: '1Gi' } },
  },
  volumes: [{ name: 'token' }],
  imagePullSecrets: [{ name: 'registry' }, { name: 'mirror' }],
  socket: {
    listen: 'unix:/run/redis.sock',
    volume: { name: 'socket', emptyDir: {} },
    volumeMount: { name: 'socket', mountPath: '/run' },
  },
  settingKeys: ['listen', 'service', 'backends', 'backend-password', 'hold', 'read-from', 'zone'],
  reservedAnnotations: ['backend', 'unix-socket', 'inject-env', 'allow-host-network', 'cpu-request'],
  meshContainers: ['istio-init', 'istio-proxy'],
  defaultBackend: 'cache',
  backends: {
    '': { settings: { listen: '127.0.0.1:6380', hold: '6s' }, volumes: [], volumeMounts: [] },
    cache: {
      settings: { listen: '127.0.0.1:6380', hold: '6s', service: 'data/redis' },
      volumes: [{ name: 'login', secret: {} }],
      volumeMounts: [{ name: 'login', mountPath: '/login' }],
    },
    sessions: {
      settings: { listen: '127.0.0.1:6380', hold: '7s', service: 'data/sessions' },
      volumes: [],
      volumeMounts: [],
    },
  },
}
