// What a server says of its replication: which line of writes it takes part in, and whether it holds data at all.

/** The fields of INFO's sections `server`, `replication` and `keyspace` that tell servers apart. */
export interface Replication {
  /** `run_id`: names the process; '' when the user may not ask. */
  readonly runId: string
  /** `master_replid`: names the line of writes it takes part in. A promotion or an empty start begins a new one. */
  readonly line: string
  /** `master_replid2`: the line it took part in before it was promoted or restarted. */
  readonly formerLine: string
  /** It is a replica, and connected to its master. */
  readonly isFollowing: boolean
  /** How many bytes of the line it has written, or as a replica has applied. */
  readonly offset: number
  /** undefined when the user may not ask. */
  readonly hasData: boolean | undefined
}

/** The texts of INFO's sections; undefined where one could not be had. */
export interface InfoSections {
  readonly server: string | undefined
  readonly replication: string | undefined
  readonly keyspace: string | undefined
}

/** @returns null when the texts name no line of writes. */
export function parseReplication({ server = '', replication = '', keyspace }: InfoSections): Replication | null {
  const fields = new Map<string, string>()
  for (const line of `${server}\r\n${replication}`.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  const line = fields.get('master_replid')
  if (line === undefined) return null
  return {
    runId: fields.get('run_id') ?? '',
    line,
    formerLine: fields.get('master_replid2') ?? '',
    offset: Number(fields.get('slave_repl_offset') ?? fields.get('master_repl_offset')),
    isFollowing: fields.get('master_link_status') === 'up',
    hasData: keyspace === undefined ? undefined : /^db\d+:keys=/m.test(keyspace),
  }
}

/**
 * True when `node` was promoted out of the line that `other`, a master, still writes. A line has one writer, so offsets need not be
 * compared, and could not: the two were not asked at the same moment.
 */
export function isPromotedFrom(node: Replication, other: Replication): boolean {
  return node.formerLine === other.line
}

/** True when the two have had no writes in common. */
export function isForeign(one: Replication, other: Replication): boolean {
  const lines = new Set([one.line, one.formerLine].filter((line) => /[1-9a-f]/.test(line)))
  return !lines.has(other.line) && !lines.has(other.formerLine)
}
