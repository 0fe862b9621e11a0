// Starts a real Prometheus, found on the PATH, and asks it what it knows.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Keeper, startKeeper } from '../../scripts/keeper.mjs'
import { freePort } from '../../scripts/local-server.mjs'
import { waitUntil } from './wait-until.ts'

/** False where there is none. */
export const hasPrometheus = spawnSync('prometheus', ['--version'], { stdio: 'ignore' }).error === undefined

/** One series of an answer; its value is of the time of the question. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

/** An alert that is pending or fires. */
export interface ActiveAlert {
  readonly state: 'pending' | 'firing'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface RuleState {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

export class Prometheus {
  readonly #keeper: Keeper = startKeeper('rusteze-prometheus')
  #port = 0

  /** @param config its configuration. @param rules of its only rule file. */
  async start(config: object, rules: object): Promise<void> {
    this.#port = await freePort()
    const path = (name: string) => join(this.#keeper.directory, name)
    writeFileSync(path('rules.json'), JSON.stringify(rules))
    writeFileSync(path('config.json'), JSON.stringify({ ...config, rule_files: [path('rules.json')] }))
    const args = [
      ...['--config.file', path('config.json'), '--storage.tsdb.path', path('data'), '--log.level', 'error'],
      ...['--web.listen-address', `127.0.0.1:${this.#port}`],
    ]
    const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'inherit'] })
    await once(child, 'spawn')
    this.#keeper.guard(child.pid!)
    child.once('exit', () => this.#keeper.release(child.pid!))
    await waitUntil(async () => (await fetch(`http://127.0.0.1:${this.#port}/-/ready`)).ok, {
      what: 'Prometheus is ready',
      timeoutMs: 30_000,
    })
  }

  /** @returns the series that an expression gives now. @throws with Prometheus's words if it is not valid. */
  async query(expr: string): Promise<readonly Sample[]> {
    const { result } = await this.#ask<{ result: Sample[] }>('query', { query: expr })
    return result
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#ask<{ alerts: ActiveAlert[] }>('alerts')).alerts
  }

  async rules(): Promise<readonly RuleState[]> {
    const { groups } = await this.#ask<{ groups: { rules: RuleState[] }[] }>('rules')
    return groups.flatMap(({ rules }) => rules)
  }

  /** The labels of all that it collects from. */
  async targets(): Promise<readonly Readonly<Record<string, string>>[]> {
    const { activeTargets } = await this.#ask<{ activeTargets: { labels: Record<string, string> }[] }>('targets')
    return activeTargets.map(({ labels }) => labels)
  }

  async labelValues(label: string, series: string): Promise<readonly string[]> {
    return await this.#ask<string[]>(`label/${label}/values`, { 'match[]': series })
  }

  async stop(): Promise<void> {
    await this.#keeper.end()
  }

  async #ask<Data>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<Data> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const answer = (await response.json()) as { status: string; error?: string; data: Data }
    if (answer.status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`)
    return answer.data
  }
}
