// Sends bytes to a port and reads whatever comes, until the other side closes: HTTP as nobody's library would send it.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawHttp {
  readonly socket: Socket
  /** What has come so far. */
  readonly text: () => string
  /** All that came, once the connection has ended. */
  readonly end: Promise<string>
}

export async function openHttp(port: number, host = '127.0.0.1'): Promise<RawHttp> {
  const socket = connect({ port, host })
  let text = ''
  socket.setEncoding('latin1').on('data', (more: string) => {
    text += more
  })
  const end = new Promise<string>((resolve) => {
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
  await once(socket, 'connect')
  return { socket, text: () => text, end }
}

/** @param head the lines of a request without their breaks. @returns the whole answer, from a connection of its own. */
export async function ask(port: number, head: readonly string[], host?: string): Promise<string> {
  const { socket, end } = await openHttp(port, host)
  socket.write([...head, 'Connection: close', '', ''].join('\r\n'))
  return await end
}
