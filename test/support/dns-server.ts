// A small DNS server on the loopback interface: it knows the records it is given, keeps silent when told to, and counts its questions.

import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import type { NameServer } from '../../src/discovery/service-dns.ts'

type Type = 'A' | 'AAAA' | 'SRV'
/** Of a service: the port and the name of the server. */
type Service = { readonly port: number; readonly host: string }

const NUMBERS: Readonly<Record<Type, number>> = { A: 1, AAAA: 28, SRV: 33 }
const INTERNET = 1
const HEADER_BYTES = 12
/** The name in the question, which every answer is about. */
const NAME_OF_QUESTION = 0xc00c
const NO_SUCH_NAME = 3

export type DnsServer = {
  /** By name; a name with an empty list of a type exists all the same. */
  readonly records: Map<string, Partial<Record<Type, readonly (string | Service)[]>>>
  ttlSeconds: number
  isSilent: boolean
  /** Type and name of each question, in order. */
  readonly questions: string[]
  /** @param answerMs how long it waits for an answer. */
  readonly makeNameServer: (answerMs?: number) => NameServer
  readonly stop: () => Promise<void>
}

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server: DnsServer = {
    records: new Map(),
    ttlSeconds: 1,
    isSilent: false,
    questions: [],
    makeNameServer: (answerMs = 500) => {
      const resolver = new Resolver({ timeout: answerMs, tries: 1 })
      resolver.setServers([`127.0.0.1:${socket.address().port}`])
      return resolver
    },
    stop: async () => {
      socket.close()
      await once(socket, 'close')
    },
  }
  socket.on('message', (query, { port, address }) => {
    const { name, end } = readName(query)
    const number = query.readUInt16BE(end)
    const type = (Object.keys(NUMBERS) as Type[]).find((each) => NUMBERS[each] === number)
    server.questions.push(`${type} ${name}`)
    if (server.isSilent) return
    const known = server.records.get(name)
    const answers = ((type && known?.[type]) ?? []).map((record) => encodeRecord(number, server.ttlSeconds, record))
    const head = Buffer.alloc(HEADER_BYTES)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | (known === undefined ? NO_SUCH_NAME : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    socket.send(Buffer.concat([head, query.subarray(HEADER_BYTES, end + 4), ...answers]), port, address)
  })
  return server
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function encodeRecord(type: number, ttlSeconds: number, record: string | Service): Buffer {
  const data = typeof record === 'string' ? encodeAddress(record) : encodeService(record)
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt16BE(NAME_OF_QUESTION, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(INTERNET, 4)
  head.writeUInt32BE(ttlSeconds, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function encodeService({ port, host }: Service): Buffer {
  const labels = host.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  const numbers = Buffer.alloc(6)
  numbers.writeUInt16BE(port, 4)
  return Buffer.concat([numbers, ...labels, Buffer.alloc(1)])
}

function encodeAddress(text: string): Buffer {
  if (text.includes('.')) return Buffer.from(text.split('.').map(Number))
  const [before = '', after] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const known = [groups(before), groups(after ?? '')] as const
  const zeros = Array<string>(8 - known[0].length - known[1].length).fill('0')
  return Buffer.from([...known[0], ...zeros, ...known[1]].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
