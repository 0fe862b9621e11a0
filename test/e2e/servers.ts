// The Redis of examples/redis.yaml: who is its primary, and a failover as an operator does it.

import { exec, podNamed, rolledOut, until } from './cluster.ts'
import { kubectl } from './tools.ts'

const namespace = 'data'
const pods = ['redis-0', 'redis-1', 'redis-2']

/** Starts the servers of the example, in the namespace that it names, and waits until all follow one primary. */
export async function startServers(): Promise<void> {
  await kubectl('apply', '--filename', 'examples/redis.yaml')
  await settled()
}

/** Waits until all servers are up and the primary has all others as replicas. */
export async function settled(): Promise<void> {
  await rolledOut(namespace, 'statefulset/redis')
  await until('two replicas follow one primary', async () => {
    const { replicas } = await roleOf(await primary())
    return replicas === pods.length - 1
  })
}

/** The pod of the primary. @throws while there is not exactly one. */
export async function primary(): Promise<string> {
  const roles = await Promise.all(pods.map((pod) => roleOf(pod)))
  const primaries = pods.filter((_, index) => roles[index]?.isPrimary)
  if (primaries.length !== 1) throw new Error(`${primaries.length} servers are primaries`)
  return primaries[0]!
}

async function roleOf(pod: string): Promise<{ isPrimary: boolean; replicas: number }> {
  const info = await ask(pod, 'INFO', 'replication')
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? ''
  return { isPrimary: field('role') === 'master', replicas: Number(field('connected_slaves')) }
}

/**
 * Hands over without the help of FAILOVER: nothing is written until a replica has everything, and at no time are there two primaries.
 *
 * @returns the pod of the new primary
 */
export async function handOverByHand(): Promise<string> {
  const former = await primary()
  const promoted = pods.find((pod) => pod !== former)!
  const address = await addressOf(promoted)
  // In one go, as an operator does it: clients wait meanwhile.
  const script = `
    offset() { redis-cli -h $1 INFO replication | tr -d '\\r' | grep "^$2:" | cut -d : -f 2; }
    redis-cli CLIENT PAUSE 60000 WRITE
    until [ "$(offset 127.0.0.1 master_repl_offset)" = "$(offset ${address} slave_repl_offset)" ]; do sleep 0.01; done
    redis-cli REPLICAOF ${address} 6379
    redis-cli -h ${address} REPLICAOF NO ONE
    redis-cli CLIENT UNPAUSE`
  await exec(namespace, former, 'sh', '-ec', script)
  await followPrimary()
  return promoted
}

/** Tells the others whom to follow: after a failover a third server goes on to follow the former primary. */
export async function followPrimary(): Promise<void> {
  const address = await addressOf(await primary())
  for (const pod of pods) if (!(await roleOf(pod)).isPrimary) await ask(pod, 'REPLICAOF', address, '6379')
  await settled()
}

/** A command for a server, past the proxy. @throws on an error reply. */
export function ask(pod: string, ...command: readonly string[]): Promise<string> {
  return exec(namespace, pod, 'redis-cli', '-e', ...command)
}

export async function addressOf(pod: string): Promise<string> {
  return (await podNamed(namespace, pod)).status.podIP
}
