// The pause of a client between two rounds.

import { setTimeout as delay } from 'node:timers/promises'
import type { Member } from './member.ts'

/** Longest pause in ms: 200 clients that pause half of it on average keep one process busy and not choked. */
const longestMs = 150

export async function pause({ random }: Member): Promise<void> {
  await delay(random.between(1, longestMs))
}
