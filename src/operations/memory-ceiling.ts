// How much may wait for clients in all: set by the operator, or a share of what the container may use.
import { totalmem } from 'node:os'

/** Share of the container's memory for buffered replies and requests; the rest is Node's own heap and code. */
const SHARE = 0.7
/** Resident size of an idle proxy, in bytes; measured, rounded up. */
const IDLE_BYTES = 56 * 1024 * 1024

/**
 * @param constrained what the cgroup allows, of either version, as Node reads it.
 * @param total the machine's memory.
 * @returns what the container may use, in bytes; undefined where that is no less than the machine has.
 */
export function containerMemory(constrained = process.constrainedMemory(), total = totalmem()): number | undefined {
  return constrained > 0 && constrained < total ? constrained : undefined
}

/**
 * @param configuredBytes RUSTEZE_MEMORY; 0 = derive it.
 * @param allowedBytes see {@link containerMemory}.
 * @returns the ceiling in bytes; 0 = none.
 */
export function memoryCeiling(configuredBytes: number, allowedBytes: number | undefined): number {
  if (configuredBytes > 0) return configuredBytes
  return allowedBytes === undefined ? 0 : Math.max(1024 * 1024, Math.floor(allowedBytes * SHARE) - IDLE_BYTES)
}
