// Builds the images of the proxy and of the application, and loads them and the server's into the nodes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from '../../scripts/toolchain.mjs'
import { run, shell } from './tools.ts'

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The name by which the chart knows it: no test has to say where the image is. */
const sidecarImage = `ghcr.io/rusteze/rusteze:${version}`
export const applicationImage = 'localhost/rusteze-writer:1'
const applicationBase = 'gcr.io/distroless/nodejs24-debian12:nonroot'
/** Of the examples. */
const serverImage = 'redis:7-bookworm'

/** @param loadCommand loads an archive of images into the nodes; its path is added to it. */
export async function loadImages(loadCommand: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'rusteze-e2e-'))
  try {
    await run(process.execPath, [join(root, 'scripts', 'image.mjs'), '--tag', sidecarImage])
    await build({
      entryPoints: [join(import.meta.dirname, 'writer.ts')],
      outfile: join(directory, 'writer.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      // ioredis is CommonJS and asks for Node's own modules by `require`.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    })
    writeFileSync(
      join(directory, 'Dockerfile'),
      `FROM ${applicationBase}\nWORKDIR /app\nCOPY writer.mjs .\nUSER 65532\nENTRYPOINT ["/nodejs/bin/node", "writer.mjs"]\n`,
    )
    await run('docker', ['build', '--tag', applicationImage, directory])
    const archive = join(directory, 'images.tar')
    await run('docker', ['save', '--output', archive, sidecarImage, applicationImage, serverImage])
    await run('docker', ['rmi', sidecarImage, applicationImage])
    await shell(`${loadCommand} ${archive}`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
