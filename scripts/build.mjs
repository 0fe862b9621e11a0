// Bundles src/main.ts with everything it imports into dist/rusteze.mjs, which Node 24 runs alone; beside it dist/kubeconfig.mjs, which
// it loads only outside of a cluster, dist/subcommands.mjs, for `rusteze doctor` and the like, and dist/injector.mjs, for `rusteze injector`,
// so that no sidecar has them in memory.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { buildPage } from './build-page.mjs'
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

/** What is loaded from files of their own. */
const aside = new Map([
  ['./kubeconfig.ts', './kubeconfig.mjs'],
  ['./injector/run.ts', './injector.mjs'],
  ['./subcommands/subcommands.ts', './subcommands.mjs'],
])

/** @type {import('esbuild').Plugin} */
const filesAside = {
  name: 'files-aside',
  setup({ onResolve }) {
    onResolve({ filter: /\.ts$/ }, ({ path }) => {
      const file = aside.get(path)
      return file === undefined ? undefined : { path: file, external: true }
    })
  },
}

/** Of the client for Kubernetes only what is used: its thousands of models have no side effects, though they do not say so. @type {import('esbuild').Plugin} */
const onlyWhatIsUsed = {
  name: 'only-what-is-used',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\./ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === onlyWhatIsUsed || !/@kubernetes.client-node/.test(options.importer)) return undefined
      const { importer, resolveDir, kind } = options
      return {
        ...(await resolve(path, { importer, resolveDir, kind, pluginData: onlyWhatIsUsed })),
        sideEffects: false,
      }
    })
  },
}

/**
 * What packages load and do not need here, by its name, and what they get in its place: each takes a third of a megabyte.
 * @type {Readonly<Record<string, string>>}
 */
const spared = {
  // pino can hand its lines to a worker thread, which a bundle of one file cannot start.
  'thread-stream': 'module.exports = class { constructor() { throw new Error("the bundle has no worker threads") } }',
  worker_threads: 'module.exports = { isMainThread: true }',
  // redis-errors asks it for nothing but this, and only when redis-parser met nonsense.
  assert: `const assert = () => process.getBuiltinModule('node:assert')
module.exports = (value) => assert()(value)
module.exports.strictEqual = (left, right) => assert().strictEqual(left, right)`,
  // prom-client can do much more than write what counters and gauges say.
  '@opentelemetry/api': 'module.exports = {}',
  './lib/cluster': 'module.exports = undefined',
  './lib/defaultMetrics': 'module.exports = undefined',
  './lib/pushgateway': 'module.exports = undefined',
  './lib/summary': 'module.exports = undefined',
  // find-my-way can print its routes, and judge patterns of which there are none.
  './lib/pretty-print': 'module.exports = {}',
  'safe-regex2': 'module.exports = () => true',
  'fast-querystring': `module.exports = { parse: (text) => process.getBuiltinModule('node:querystring').parse(text) }`,
}

/**
 * Node's own modules as they are. An \`import\` of one makes Node read everything that it exports, and so load what nobody uses: with
 * node:http a second client for HTTP, 14 MB. @type {import('esbuild').Plugin}
 */
const modulesOfNode = {
  name: 'modules-of-node',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[\w@:./-]+$/ }, ({ path }) =>
      path in spared || isBuiltin(path) ? { path, namespace: 'modules-of-node' } : undefined,
    )
    onLoad({ filter: /./, namespace: 'modules-of-node' }, ({ path }) => ({
      contents: spared[path] ?? `module.exports = process.getBuiltinModule('${path}')`,
    }))
  },
}

/** The finished page in place of the module that would make it. @type {import('esbuild').Plugin} */
const finishedPage = {
  name: 'finished-page',
  setup({ onLoad }) {
    onLoad({ filter: /operations.live-page\.ts$/ }, async () => ({
      contents: `export const livePage = ${JSON.stringify(await buildPage())}`,
    }))
  },
}

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  write: false,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  legalComments: 'inline',
  // Node keeps the text in memory: without comments and blanks it is a third less. Names stay, for stack traces.
  minifyWhitespace: true,
  lineLimit: 160,
  logLevel: 'warning',
}

mkdirSync(dirname(bundlePath), { recursive: true })
const bundles = [
  {
    entryPoints: ['src/discovery/kubeconfig.ts'],
    outfile: join(dirname(bundlePath), 'kubeconfig.mjs'),
    plugins: [versionOnly, onlyWhatIsUsed],
    // Its packages require Node's own modules, which an ES module has no function for.
    banner: {
      js: `import { createRequire as createRequireForBundle } from 'node:module'
const require = createRequireForBundle(import.meta.url)`,
    },
  },
  {
    entryPoints: ['src/injector/run.ts'],
    outfile: join(dirname(bundlePath), 'injector.mjs'),
    plugins: [versionOnly, modulesOfNode],
  },
  {
    entryPoints: ['src/subcommands/subcommands.ts'],
    outfile: join(dirname(bundlePath), 'subcommands.mjs'),
    plugins: [versionOnly, filesAside, modulesOfNode],
  },
  {
    entryPoints: ['src/main.ts'],
    outfile: bundlePath,
    plugins: [versionOnly, filesAside, finishedPage, modulesOfNode],
  },
]
for (const bundle of bundles) {
  // Packages that others would use if they were installed.
  const { outputFiles = [] } = await build({
    ...common,
    ...bundle,
    external: ['bufferutil', 'utf-8-validate', 'supports-color'],
  })
  // Put in place whole: another start or test may be about to run it.
  const incomplete = `${bundle.outfile}.${process.pid}`
  writeFileSync(incomplete, /** @type {import('esbuild').OutputFile} */ (outputFiles[0]).contents)
  renameSync(incomplete, bundle.outfile)
}
