// When each alert fires and when it does not, as series of samples of two hours, one every 30 s.

export interface AlertCase {
  /** Samples by series, in promtool's notation: 1x9 is ten times 1, 0+2x9 is 0, 2, … 18. */
  readonly fires: Readonly<Record<string, string>>
  /** When it is looked at. */
  readonly at: string
  /** Its labels besides the severity. */
  readonly labels: Readonly<Record<string, string>>
  /** What is read at night. */
  readonly description: RegExp
  /** Never fires on these. */
  readonly quiet: Readonly<Record<string, string>>
}

/** A series of a sidecar as the PodMonitor labels it. */
function of(pod: number, metric: string, labels = ''): string {
  const target = `namespace="shop",workload="web",pod="web-${pod}",container="rusteze",instance="10.0.0.${pod}:9380"`
  return `${metric}{${target}${labels && `,${labels}`}}`
}

/** A metric of the first of three sidecars. */
const first = (metric: string, labels = '') => of(1, metric, labels)

/** Shards of three sidecars, so many of which have no primary; and that they are there. */
function shards(without: number, samples = '1x240'): Record<string, string> {
  const series: Record<string, string> = {}
  for (const pod of [1, 2, 3]) {
    const isWithout = pod <= without
    series[of(pod, 'rusteze_ready')] = '1x240'
    series[of(pod, 'rusteze_shards', 'state="serving"')] = isWithout ? '0x240' : '1x240'
    series[of(pod, 'rusteze_shards', 'state="suspect"')] = '0x240'
    series[of(pod, 'rusteze_shards', 'state="holding"')] = isWithout ? samples : '0x240'
  }
  return series
}

const web = { namespace: 'shop', workload: 'web' }
/** Three of something half an hour after the start. */
const threeAtOnce = '0x60 3x180'
const atHalfPast = '32m'
const guard = 'policy="rusteze-guard",policy_binding="rusteze-guard",enforcement_action="deny"'

export const cases: Readonly<Record<string, AlertCase>> = {
  RustezeNoPrimary: {
    fires: shards(2),
    at: '10m',
    labels: web,
    description: /^66.67% of its sidecars have had no confirmed primary for 30 s\./,
    // A failover that one collection of metrics happens to see.
    quiet: shards(3, '0x20 1 0x219'),
  },
  RustezeNoPrimaryForSome: {
    fires: shards(1),
    at: '10m',
    labels: web,
    description: /^33.33% of its sidecars .* for 2 min\./,
    quiet: shards(2),
  },
  RustezeSeveralPrimaries: {
    fires: { [first('rusteze_masters')]: '2x240', ...shards(0) },
    at: '10m',
    labels: web,
    description: /^2 servers have said so/,
    quiet: { [first('rusteze_masters')]: '1x20 2 1x219', ...shards(0) },
  },
  RustezePrimaryEmpty: {
    fires: { [first('rusteze_primary_data_missing')]: '0x10 1x230' },
    at: '10m',
    labels: web,
    description: /came up empty/,
    quiet: { [first('rusteze_primary_data_missing')]: '0x240' },
  },
  RustezeFailsOverOften: {
    fires: { [first('rusteze_switches_total', 'reason="returned"')]: '0x60 1+1x9 10x170' },
    at: '1h',
    labels: web,
    description: /^A sidecar has accepted a primary 1\d times within 1 h\./,
    quiet: {
      [first('rusteze_switches_total', 'reason="first"')]: '0+1x240',
      [first('rusteze_switches_total', 'reason="promoted"')]: threeAtOnce,
    },
  },
  RustezeLoginRefused: {
    fires: { [first('rusteze_servers', 'role="unauthenticated"')]: '2x240' },
    at: '10m',
    labels: web,
    description: /^2 servers have refused/,
    quiet: { [first('rusteze_servers', 'role="unauthenticated"')]: '0x240' },
  },
  RustezeDiscoveryStale: {
    fires: {
      // One that has not heard for long, one that never has.
      [of(1, 'rusteze_discovery_age_seconds')]: '1000+30x240',
      [of(1, 'rusteze_discovery_up', 'source="endpointslices"')]: '1x240',
      [of(2, 'rusteze_discovery_up', 'source="endpointslices"')]: '0x240',
      [of(2, 'rusteze_discovery_up', 'source="dns"')]: '0x240',
    },
    at: '10m',
    labels: web,
    description: /^2 sidecars have had no answer/,
    quiet: {
      [of(1, 'rusteze_discovery_age_seconds')]: '600x240',
      [of(1, 'rusteze_discovery_up', 'source="endpointslices"')]: '0x240',
      [of(1, 'rusteze_discovery_up', 'source="dns"')]: '1x240',
    },
  },
  RustezeDiscoveryByDns: {
    fires: { [first('rusteze_discovery_up', 'source="dns"')]: '1x240' },
    at: '20m',
    labels: web,
    description: /^1 sidecars may not watch/,
    quiet: {
      [of(1, 'rusteze_discovery_up', 'source="dns"')]: '1x20 0x220',
      [of(2, 'rusteze_discovery_up', 'source="static"')]: '1x240',
    },
  },
  RustezeUncertainCommands: {
    fires: { [first('rusteze_uncertain_commands_total')]: threeAtOnce },
    at: atHalfPast,
    labels: web,
    description: /^About 3 commands/,
    quiet: { [first('rusteze_uncertain_commands_total')]: '3x240' },
  },
  RustezeCommandsRefused: {
    fires: {
      [first('rusteze_commands_total', 'command="get",outcome="ok"')]: '0+90x240',
      [first('rusteze_commands_total', 'command="set",outcome="refused"')]: '0+10x240',
    },
    at: '15m',
    labels: web,
    description: /^10% of all commands/,
    quiet: {
      [first('rusteze_commands_total', 'command="get",outcome="error"')]: '0+90x240',
      [first('rusteze_commands_total', 'command="set",outcome="refused"')]: '0+1x240',
    },
  },
  RustezeHoldNearlyFull: {
    fires: { [first('rusteze_hold_ratio')]: '0x20 0.9 0x219' },
    at: '12m',
    labels: web,
    description: /was 90% full/,
    quiet: { [first('rusteze_hold_ratio')]: '0.5x240' },
  },
  RustezePinsExhausted: {
    fires: { [first('rusteze_pins_refused_total')]: threeAtOnce },
    at: atHalfPast,
    labels: web,
    description: /^About 3 transactions/,
    quiet: { [first('rusteze_pins_refused_total')]: '3x240' },
  },
  RustezeClientsTurnedAway: {
    fires: { [first('rusteze_clients_turned_away_total')]: threeAtOnce },
    at: atHalfPast,
    labels: web,
    description: /^About 3 connections/,
    quiet: { [first('rusteze_clients_turned_away_total')]: '0x240' },
  },
  RustezeClientsEvicted: {
    fires: { [first('rusteze_evicted_clients_total', 'reason="output"')]: threeAtOnce },
    at: atHalfPast,
    labels: { ...web, reason: 'output' },
    description: /^About 3 clients .* for the reason output:/,
    quiet: { [first('rusteze_evicted_clients_total', 'reason="idle"')]: '0+5x240' },
  },
  RustezePoolsEvicted: {
    fires: { [first('rusteze_evicted_pools_total')]: '0+60x240' },
    at: '40m',
    labels: web,
    description: /closes 2 pools a second/,
    quiet: { [first('rusteze_evicted_pools_total')]: '0+1x240' },
  },
  RustezeReplicasUnused: {
    fires: { [of(1, 'rusteze_fresh_replicas')]: '0x240', [of(2, 'rusteze_fresh_replicas')]: '2x240' },
    at: '15m',
    labels: web,
    description: /^1 sidecars have had no fresh replica/,
    quiet: { [of(1, 'rusteze_fresh_replicas')]: '2x20 0x4 2x215', ...shards(0) },
  },
  RustezeEventLoopSaturated: {
    fires: { [first('rusteze_event_loop_busy_seconds_total')]: '0+29x240' },
    at: '20m',
    labels: web,
    description: /^1 sidecars have been busy/,
    quiet: { [first('rusteze_event_loop_busy_seconds_total')]: '0+20x240' },
  },
  RustezeMemoryNearLimit: {
    fires: {
      [first('process_resident_memory_bytes')]: '95000000x240',
      [first('rusteze_memory_limit_bytes')]: '100000000x240',
    },
    at: '15m',
    labels: web,
    description: /^One has used 95% of it/,
    // One has enough, one has no limit, and another container's is not ours.
    quiet: {
      [of(1, 'process_resident_memory_bytes')]: '60000000x240',
      [of(1, 'rusteze_memory_limit_bytes')]: '100000000x240',
      [of(2, 'process_resident_memory_bytes')]: '900000000x240',
    },
  },
  RustezeSidecarDown: {
    fires: { [of(1, 'up')]: '0x240', [of(2, 'up')]: '0x240', [of(3, 'up')]: '1x240' },
    at: '10m',
    labels: web,
    description: /^2 sidecars have not answered/,
    quiet: { 'up{namespace="shop",pod="web-1",container="app"}': '0x240', [of(1, 'up')]: '1x20 0x4 1x215' },
  },
  RustezeSidecarRestarts: {
    fires: {
      'kube_pod_init_container_status_restarts_total{namespace="shop",pod="web-1",container="rusteze"}': '0+1x240',
      'kube_pod_init_container_status_restarts_total{namespace="shop",pod="web-2",container="rusteze"}': '0+1x240',
    },
    at: '1h',
    labels: { namespace: 'shop' },
    description: /^2 sidecars have restarted/,
    quiet: {
      'kube_pod_init_container_status_restarts_total{namespace="shop",pod="web-1",container="rusteze"}': '0x60 1x180',
      'kube_pod_init_container_status_restarts_total{namespace="shop",pod="web-1",container="migrate"}': '0+1x240',
    },
  },
  RustezePodsDenied: {
    fires: {
      [`apiserver_validating_admission_policy_check_total{${guard},error_type="invalid_error"}`]: '0x60 3x180',
    },
    at: atHalfPast,
    labels: {},
    description: /denied pods about 3 times/,
    quiet: {
      [`apiserver_validating_admission_policy_check_total{${guard},error_type="no_error"}`]: '0+1x240',
      'apiserver_validating_admission_policy_check_total{policy="other",enforcement_action="deny",error_type="invalid_error"}':
        '0+1x240',
    },
  },
  RustezePoliciesFail: {
    fires: {
      'apiserver_mutating_admission_policy_check_total{policy="rusteze",policy_binding="rusteze",error_type="out_of_budget"}':
        '0x60 3x180',
    },
    at: atHalfPast,
    labels: { policy: 'rusteze', error_type: 'out_of_budget' },
    description: /failed with out_of_budget about 3 times/,
    quiet: {
      'apiserver_mutating_admission_policy_check_total{policy="rusteze",policy_binding="rusteze",error_type="no_error"}':
        '0+1x240',
      [`apiserver_validating_admission_policy_check_total{${guard},error_type="invalid_error"}`]: '0+1x240',
    },
  },
  RustezeInjectorUnreachable: {
    fires: {
      'apiserver_admission_webhook_rejection_count{name="inject.rusteze.io",type="admit",error_type="calling_webhook_error"}':
        '0x60 3x180',
    },
    at: atHalfPast,
    labels: {},
    description: /^About 3 pods/,
    quiet: {
      'apiserver_admission_webhook_rejection_count{name="other.io",type="admit",error_type="calling_webhook_error"}':
        '0+1x240',
    },
  },
  RustezeInjectorUnavailable: {
    fires: { 'kube_deployment_status_replicas_available{namespace="rusteze",deployment="rusteze-injector"}': '0x240' },
    at: '10m',
    labels: { namespace: 'rusteze', deployment: 'rusteze-injector' },
    description: /^No replica/,
    quiet: { 'kube_deployment_status_replicas_available{namespace="rusteze",deployment="rusteze-injector"}': '1x240' },
  },
  RustezeInjectorCertificateEnds: {
    // promtool's time begins in 1970.
    fires: { 'rusteze_injector_certificate_end_timestamp_seconds{namespace="rusteze",pod="a"}': '180000x240' },
    at: '2h',
    labels: { namespace: 'rusteze' },
    description: /^It ends in 2d 0h 0m 0s and/,
    quiet: { 'rusteze_injector_certificate_end_timestamp_seconds{namespace="rusteze",pod="a"}': '2000000x240' },
  },
}
