// The version of this program, from package.json; the bundle holds a copy.
import manifest from '../package.json' with { type: 'json' }

export const version: string = manifest.version
