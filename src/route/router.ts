// Decides which shard a request goes to. Without Redis Cluster there is one, and the answer costs nothing.
import type { Request } from '../backend/request.ts'
import type { Shard } from '../backend/shard.ts'

export interface Router {
  readonly shards: readonly Shard[]
  /** The shard of a request; where no key decides, the first. */
  route(request: Request): Shard
}

export function singleShardRouter(shard: Shard): Router {
  return { shards: [shard], route: () => shard }
}
