// Ways to look at a reply that leave out what two servers can never have in common; errors are always looked at whole.
import { render, type Tree } from './reply-tree.ts'

/** What is compared in place of the bytes. */
export type Mask = (reply: Tree) => string

/** All but digits: times, counters, addresses in memory. */
export const digits: Mask = (reply) => render(reply, { text: (text) => text.replace(/-?\d+(\.\d+)?(e[-+]\d+)?/g, '#') })

/** All but the order of the parts. */
export const unordered: Mask = (reply) => render(reply, { parts: (parts) => parts.toSorted() })

/** Settings in any order, without ports, and without directories, which are numbered. */
export const settings: Mask = (reply) =>
  render(reply, {
    text: (text) => text.replace(/.*rusteze-test.*/, 'directory').replace(/\d+/g, '#'),
    parts: (parts) => parts.toSorted(),
  })

/** The type, and the types of the parts: neither their number nor what they say. */
export const kinds: Mask = (reply) =>
  render(reply, { text: () => '', parts: (parts) => [...new Set(parts)].toSorted() })

/** The type alone. */
export const outermostKind: Mask = (reply) => reply.type

/** Started, already under way or cancelled: which of them depends on how fast the server's child is. */
export const started: Mask = (reply) =>
  /in progress|is active|started|scheduled|cancelled|OK/i.test(reply.text ?? '') ? 'started' : render(reply)

/** The names of INFO's fields; those that name a command, an error or a database come as they are met. */
export const infoFields: Mask = (reply) => {
  const names = (reply.text ?? '').split('\r\n').map((line) => line.replace(/:.*/, ''))
  const met = /^(cmdstat_|errorstat_|latency_percentiles_usec_|db\d|slave\d|$)/
  const forked = /^(mem_|allocator_|rss_|active_defrag|eventloop_|instantaneous_eventloop)/
  return `${reply.type}${names.filter((name) => !met.test(name) && !forked.test(name)).join(' ')}`
}

const clientFields = ['name', 'flags', 'db', 'sub', 'psub', 'ssub', 'multi', 'events', 'cmd', 'user', 'redir', 'resp']

/** What CLIENT INFO says of the client itself, without what it says of its connection. */
export const clientFacts: Mask = (reply) => {
  const fields = new Map(
    (reply.text ?? '')
      .trim()
      .split(' ')
      .map((part) => part.split('=', 2) as [string, string]),
  )
  return `${reply.type}${clientFields.map((name) => `${name}=${fields.get(name)}`).join(' ')}`
}

/** A HELLO reply without the number of the connection. */
export const helloWithoutId: Mask = (reply) => render(reply).replace(/"id" :"\d+"/, 'id')
