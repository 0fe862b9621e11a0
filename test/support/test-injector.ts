// An injector in this process, on a free port of loopback.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thisPod } from '../../src/discovery/pod.ts'
import { Injector } from '../../src/injector/injector.ts'
import type { CertificateConfig } from '../../src/injector/injector-config.ts'
import { type Pace, usualPace } from '../../src/injector/pace.ts'
import { createLog } from '../../src/operations/log.ts'
import { sidecarDefinition } from './sidecar-definition.ts'
import { waitUntil } from './wait-until.ts'

export interface TestInjectorOptions {
  readonly certificate: CertificateConfig
  /** The text of sidecar.json. */
  readonly definition?: string
  readonly pace?: Partial<Pace>
  /** Of a pod: the API server's port and certificate, the namespace, and a token that may do what the chart allows. */
  readonly serviceAccount?: { readonly port: number; readonly files: Readonly<Record<string, string | Buffer>> }
}

export class TestInjector {
  readonly logLines: string[] = []
  readonly #directory = mkdtempSync(join(tmpdir(), 'injector-'))
  #injector: Injector | undefined

  private constructor() {}

  static async start({ certificate, definition, pace, serviceAccount }: TestInjectorOptions): Promise<TestInjector> {
    const test = new TestInjector()
    const file = test.write('sidecar.json', definition ?? JSON.stringify(sidecarDefinition))
    for (const [name, content] of Object.entries(serviceAccount?.files ?? {})) test.write(name, content)
    const anyPort = { host: '127.0.0.1', port: 0 }
    test.#injector = await Injector.start({
      config: { listen: anyPort, admin: anyPort, file, certificate, logLevel: 'info', logFormat: 'json' },
      log: createLog('info', 'json', { write: (line) => test.logLines.push(line) }),
      pod: {
        ...thisPod,
        environment: {
          KUBERNETES_SERVICE_HOST: '127.0.0.1',
          KUBERNETES_SERVICE_PORT: String(serviceAccount?.port ?? ''),
        },
        serviceAccount: test.#directory,
      },
      pace: { ...usualPace, hurryMs: 20, lingerMs: 0, ...pace },
    })
    return test
  }

  get injector(): Injector {
    return this.#injector!
  }

  get port(): number {
    return this.injector.address!.port
  }

  get adminPort(): number {
    return this.injector.adminAddress!.port
  }

  /** @returns the path. */
  write(name: string, content: string | Buffer): string {
    const path = join(this.#directory, name)
    writeFileSync(path, content)
    return path
  }

  async untilReady(): Promise<void> {
    const why = () => `the injector is ready: ${this.injector.readiness.reason}; ${this.logLines.join('')}`
    await waitUntil(() => this.injector.readiness.isWell, { what: 'the injector is ready', timeoutMs: 15_000 }).catch(
      () => {
        throw new Error(why())
      },
    )
  }

  async end(): Promise<void> {
    await this.injector.close()
    rmSync(this.#directory, { recursive: true })
  }
}
