// Applies the JSON patches of the injector, as an API server does.
import type { Operation } from '../../src/injector/inject.ts'

/** @returns a copy of the object with the patch applied. */
export function applyPatch<Value extends object>(object: Value, patch: readonly Operation[]): Value {
  const root = structuredClone(object)
  for (const { op, path, value } of patch) {
    if (op !== 'add') throw new Error(`unknown operation ${op}`)
    const parts = path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = parts.pop()!
    let parent = root as unknown
    for (const part of parts.slice(1)) {
      parent = (parent as Record<string, unknown>)[part]
      if (parent === undefined) throw new Error(`there is no ${path}`)
    }
    if (!Array.isArray(parent)) (parent as Record<string, unknown>)[last] = structuredClone(value)
    else {
      const index = last === '-' ? parent.length : Number(last)
      if (!(index <= parent.length)) throw new Error(`there is no place ${path}`)
      parent.splice(index, 0, structuredClone(value))
    }
  }
  return root
}
