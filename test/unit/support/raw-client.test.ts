// The raw client against a socket server that the test scripts byte by byte.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect, encodeCommand } from '../../support/raw-client.ts'
import { waitUntil } from '../../support/wait-until.ts'

let server: Server
let peers: Socket[]

beforeEach(async () => {
  peers = []
  server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    peers.push(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(() => {
  for (const peer of peers) peer.destroy()
  server.close()
})

async function connectPair(timeoutMs?: number) {
  const client = await connect((server.address() as AddressInfo).port, timeoutMs)
  const peer = await waitUntil(() => peers.at(-1), { what: 'the connection is accepted' })
  return { client, peer }
}

test('a list is sent as a command, with bytes as they are', () => {
  expect(encodeCommand(['SET', 'é', Uint8Array.of(0, 255)])).toEqual(
    Buffer.concat([Buffer.from('*3\r\n$3\r\nSET\r\n$2\r\né\r\n$2\r\n'), Buffer.of(0, 255), Buffer.from('\r\n')]),
  )
})

test('sends strings, bytes and commands in order', async () => {
  const { client, peer } = await connectPair()
  client.send('PING\r\n')
  client.send(Buffer.from('raw'))
  client.send(['GET', 'k'])
  client.end()
  let received = ''
  for await (const chunk of peer) received += chunk
  expect(received).toBe('PING\r\nraw*2\r\n$3\r\nGET\r\n$1\r\nk\r\n')
  await client.close()
})

test('reads replies one by one however they arrive', async () => {
  const { client, peer } = await connectPair()
  peer.write('+first\r\n$3\r\na')
  expect((await client.readReply()).toString()).toBe('+first\r\n')
  const second = client.readReply()
  peer.write('bc\r\nab')
  expect((await second).toString()).toBe('$3\r\nabc\r\n')
  expect((await client.readExactly(2)).toString()).toBe('ab')
  await client.close()
})

test('asks one command and reads one reply', async () => {
  const { client, peer } = await connectPair()
  peer.once('data', () => peer.write(':7\r\n'))
  expect(await client.ask('INCR', 'n')).toBe(':7\r\n')
  await client.close()
})

test('still reads after its own end, until the other side closes', async () => {
  const { client, peer } = await connectPair()
  peer.on('end', () => peer.end('late+reply'))
  peer.resume()
  client.end()
  expect((await client.readUntilClose()).toString()).toBe('late+reply')
  expect(client.isEnded).toBe(true)
})

test('a reset ends reading until close, with what came before', async () => {
  const { client, peer } = await connectPair()
  peer.write('+bye\r\n')
  expect((await client.readReply()).toString()).toBe('+bye\r\n')
  peer.resetAndDestroy()
  expect((await client.readUntilClose()).length).toBe(0)
})

test('a read names what it missed when the other side closes, or is silent', async () => {
  const { client, peer } = await connectPair(50)
  peer.write('$3\r\nab')
  await expect(client.readReply()).rejects.toThrow('waited 50 ms for a reply; 6 bytes were there')
  peer.end()
  await expect(client.readReply()).rejects.toThrow('closed before a reply came; 6 bytes were there')
  await client.close()
})

test('close waits until the socket is gone, and may be said twice', async () => {
  const { client } = await connectPair()
  await client.close()
  expect(client.socket.destroyed).toBe(true)
  await client.close()
})

test('connects to a unix socket', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'raw-client-'))
  const path = join(directory, 's')
  const unix = createServer((socket) => socket.end('+unix\r\n')).listen(path)
  try {
    await once(unix, 'listening')
    const client = await connect({ path })
    expect((await client.readReply()).toString()).toBe('+unix\r\n')
    await client.close()
  } finally {
    unix.close()
    rmSync(directory, { recursive: true })
  }
})

test('a refused connection is an error', async () => {
  const { port } = server.address() as AddressInfo
  server.close()
  await expect(connect(port)).rejects.toThrow('ECONNREFUSED')
})
