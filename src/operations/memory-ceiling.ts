// How much may wait for clients in all: set by the operator, or a share of what the container may use.

/** Share of the container's memory for buffered replies and requests; the rest is Node's own heap and code. */
const SHARE = 0.7
/** Resident size of an idle proxy, in bytes; measured, rounded up. */
const IDLE_BYTES = 56 * 1024 * 1024

/**
 * @param configuredBytes RUSTEZE_MEMORY; 0 = derive it.
 * @param constrainedBytes what the cgroup allows (process.constrainedMemory()).
 * @param totalBytes the machine's memory: a constraint that is not below it is none.
 * @returns the ceiling in bytes; 0 = none.
 */
export function memoryCeiling(configuredBytes: number, constrainedBytes: number, totalBytes: number): number {
  if (configuredBytes > 0) return configuredBytes
  if (constrainedBytes <= 0 || constrainedBytes >= totalBytes) return 0
  return Math.max(1024 * 1024, Math.floor(constrainedBytes * SHARE) - IDLE_BYTES)
}
