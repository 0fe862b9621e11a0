// Bundles src/main.ts with everything it imports into dist/rusteze.mjs, one file that Node 24 runs alone.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bundlePath, ensureDependencies, root } from './toolchain.mjs'

await ensureDependencies()
const { build } = await import('esbuild')

/** Leaves only the version of our package.json in the bundle. @type {import('esbuild').Plugin} */
const versionOnly = {
  name: 'version-only',
  setup({ onLoad }) {
    onLoad({ filter: /package\.json$/ }, ({ path }) => {
      if (path !== join(root, 'package.json')) return undefined
      const { name, version } = JSON.parse(readFileSync(path, 'utf8'))
      return { contents: JSON.stringify({ name, version }), loader: 'json' }
    })
  },
}

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outfile: bundlePath,
  write: false,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // pino and redis-parser are CommonJS: they require Node's own modules, which an ES module has no function for.
  banner: {
    js: `import { createRequire as createRequireForBundle } from 'node:module'
const require = createRequireForBundle(import.meta.url)`,
  },
  legalComments: 'inline',
  // Node keeps the text in memory: without comments and blanks it is a third less. Names stay, for stack traces.
  minifyWhitespace: true,
  lineLimit: 160,
  plugins: [versionOnly],
  logLevel: 'warning',
})

// Put in place whole: another start or test may be about to run it.
mkdirSync(dirname(bundlePath), { recursive: true })
const aside = `${bundlePath}.${process.pid}`
writeFileSync(aside, /** @type {import('esbuild').OutputFile} */ (outputFiles[0]).contents)
renameSync(aside, bundlePath)
