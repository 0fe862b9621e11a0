// The least a proxy in Node can do, as a peer in the benchmark: every client gets a backend connection of its own.
import net from 'node:net'

const [listenPort, backendPort] = process.argv.slice(2).map(Number)

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const backend = net.connect({ host: '127.0.0.1', port: backendPort ?? 6379, noDelay: true, allowHalfOpen: true })
  client.on('error', () => backend.destroy())
  backend.on('error', () => client.destroy())
  client.pipe(backend)
  backend.pipe(client)
})
server.listen(listenPort ?? 6380, '127.0.0.1')
