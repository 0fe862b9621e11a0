// A server on loopback, for machines that allow no network namespaces: the link loses what a partition would lose.
import { freePort } from '../support/redis-server.ts'
import { Link, type LinkSettings } from './link.ts'
import type { Place } from './place.ts'

const HOST = '127.0.0.1'

export class LoopbackPlace implements Place {
  readonly host = HOST
  readonly bind = HOST
  readonly wrapper = []
  readonly port: number
  readonly serverPort: number
  readonly link: Link

  private constructor(link: Link, port: number, serverPort: number) {
    this.link = link
    this.port = port
    this.serverPort = serverPort
  }

  static async open({ seed, delay }: Pick<LinkSettings, 'seed' | 'delay'>): Promise<LoopbackPlace> {
    const [port, target] = [await freePort(), await freePort()]
    return new LoopbackPlace(await Link.start({ target, host: HOST, port, seed, delay }), port, target)
  }

  async cutOffProxy(): Promise<void> {
    await this.link.order('blackHole')
  }

  async rejoin(): Promise<void> {
    await this.link.order('endBlackHole')
  }

  async close(): Promise<void> {
    await this.link.close()
  }
}
