// A server in a network namespace of its own, joined to the others by a virtual cable; its firewall loses what a partition would lose.
//
//     proxy 10.9.0.1 ── bridge ── cable ── eth0 10.9.x.y │ :6379 from the proxy ▶ link ▶ server
//                                                        │ :6379 from servers          ▶ server
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Link, type LinkSettings } from './link.ts'
import type { Lost, NetworkPlace } from './place.ts'

const PORT = 6379
const LINK_PORT = 7000
const BRIDGE = 'servers'
const PREFIX = 16
/** Of the proxy, and of all who ask from outside of the namespaces. */
const PROXY = '10.9.0.1'
/** `deaf` loses what comes from an address, `mute` what goes to it. */
const FIREWALL = `
table ip chaos {
  set deaf { type ipv4_addr; }
  set mute { type ipv4_addr; }
  chain in { type filter hook input priority 0; ip saddr @deaf drop; }
  chain out { type filter hook output priority 0; ip daddr @mute drop; }
  chain arriving { type nat hook prerouting priority dstnat; ip saddr ${PROXY} tcp dport ${PORT} redirect to :${LINK_PORT}; }
}`

const execute = promisify(execFile)
/** No address and no name of a cable is used twice: what remembers one must not meet another server there. */
let last = 1

/** Once, before the first place is opened. */
export async function buildBridge(): Promise<void> {
  await ip('link set lo up')
  await ip(`link add ${BRIDGE} type bridge`)
  await ip(`addr add ${PROXY}/${PREFIX} dev ${BRIDGE}`)
  await ip(`link set ${BRIDGE} up`)
}

export class NamespacePlace implements NetworkPlace {
  readonly port = PORT
  readonly serverPort = PORT
  readonly bind = '0.0.0.0'
  readonly link: Link
  host = ''

  private constructor(link: Link) {
    this.link = link
  }

  /** The namespace is the link's: it lasts as long as that. */
  static async open({ seed, delay }: Pick<LinkSettings, 'seed' | 'delay'>): Promise<NamespacePlace> {
    const settings = { target: PORT, host: '0.0.0.0', port: LINK_PORT, seed, delay }
    const place = new NamespacePlace(await Link.start(settings, ['unshare', '--net']))
    const cable = `cable${++last}`
    await ip(`link add ${cable} type veth peer name eth0 netns ${place.link.pid}`)
    await ip(`link set ${cable} master ${BRIDGE} up`)
    await place.#inside('ip', 'link', 'set', 'lo', 'up')
    await place.#inside('nft', FIREWALL)
    await place.move()
    return place
  }

  get wrapper(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.link.pid}/ns/net`]
  }

  async cutOffProxy(lost: Lost): Promise<void> {
    await this.#lose([PROXY], lost)
  }

  async cutOffServers(places: readonly NetworkPlace[], lost: Lost): Promise<void> {
    await this.#lose(
      places.map(({ host }) => host),
      lost,
    )
  }

  async rejoin(): Promise<void> {
    await this.#inside('nft', 'flush set ip chaos deaf; flush set ip chaos mute')
  }

  async move(): Promise<void> {
    last++
    this.host = `10.9.${last >> 8}.${last & 255}`
    await this.#inside('ip', 'addr', 'flush', 'dev', 'eth0')
    await this.#inside('ip', 'addr', 'add', `${this.host}/${PREFIX}`, 'dev', 'eth0')
    await this.#inside('ip', 'link', 'set', 'eth0', 'up')
  }

  async close(): Promise<void> {
    await this.link.close()
  }

  async #lose(hosts: readonly string[], lost: Lost): Promise<void> {
    const sets = { all: ['deaf', 'mute'], inward: ['deaf'], outward: ['mute'] }[lost]
    const rules = sets.map((set) => `add element ip chaos ${set} { ${hosts.join(', ')} }`)
    await this.#inside('nft', rules.join('; '))
  }

  async #inside(...command: string[]): Promise<void> {
    const [program, ...args] = [...this.wrapper, ...command]
    await execute(program!, args)
  }
}

async function ip(words: string): Promise<void> {
  await execute('ip', words.split(' '))
}
