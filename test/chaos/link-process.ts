// The link before one server, as a process of its own, which can be in another network namespace than its parent; driven by messages.
import { type FaultLink, startFaultLink } from '../support/fault-link.ts'
import type { LinkOrder, LinkSettings } from './link.ts'

const settings: LinkSettings = JSON.parse(process.argv[2]!)
const link = await startFaultLink(settings)
link.delay = settings.delay

const obey: Readonly<Record<LinkOrder, (link: FaultLink) => unknown>> = {
  reset: () => link.cutAll('reset'),
  refuse: () => {
    link.refuse()
    link.cutAll('reset')
  },
  accept: () => link.accept(),
  stall: () => link.stall(),
  resume: () => link.resume(),
  blackHole: () => link.blackHole(),
  endBlackHole: () => link.endBlackHole(),
}

process.on('message', async (order: LinkOrder) => {
  await obey[order](link)
  process.send?.(order)
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
