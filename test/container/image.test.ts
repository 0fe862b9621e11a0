// The image itself: what is in it, what it says of itself, how large it is and how soon it serves.

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { beforeAll, expect, inject, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { bundlePath, ensureBuild } from '../../scripts/toolchain.mjs'
import { connect } from '../support/raw-client.ts'
import { freePort } from '../support/redis-server.ts'
import { waitUntil } from '../support/wait-until.ts'
import { describeWithDocker, imageName } from './stage.ts'

const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8', maxBuffer: 1 << 28 }).trim()

/** Runs the image to its end, bounded like a pod. */
function runImage(options: readonly string[], ...args: string[]) {
  const hardened = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--user=1000710000:0']
  const run = ['run', '--rm', '--label', inject('image').run, ...hardened, ...options, imageName(), ...args]
  return spawnSync('docker', run, { encoding: 'utf8' })
}

describeWithDocker('the image', () => {
  beforeAll(async () => {
    await ensureBuild()
    console.log(`size: ${(Number(docker('image', 'inspect', '-f', '{{.Size}}', imageName())) / 1e6).toFixed(1)} MB`)
  })

  test('adds the bundle to its base and nothing else', () => {
    const ids = ['gcr.io/distroless/nodejs24-debian12:nonroot', imageName()].map((image) =>
      docker('create', '--label', inject('image').run, image),
    )
    const [base = [], all = []] = ids.map((id) =>
      execFileSync('sh', ['-c', `docker export ${id} | tar -t`], { encoding: 'utf8' })
        .trim()
        .split('\n'),
    )
    expect(base.filter((name) => !all.includes(name))).toEqual([])
    expect(all.filter((name) => !base.includes(name)).sort()).toEqual([
      'app/',
      'app/injector.mjs',
      'app/rusteze.mjs',
      'app/subcommands.mjs',
    ])
    const archive = execFileSync('docker', ['cp', `${ids[1]}:/app`, '-'], { maxBuffer: 1 << 28 })
    const bundle = execFileSync('tar', ['-xO', 'app/rusteze.mjs'], { input: archive, maxBuffer: 1 << 28 })
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
    // Built twice, here and there: the same bytes.
    expect(digest(bundle)).toBe(digest(readFileSync(bundlePath)))
    docker('rm', ...ids)
  })

  test('names its version, where it comes from, and a user by number', () => {
    const config = JSON.parse(docker('image', 'inspect', '-f', '{{json .Config}}', imageName()))
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'rusteze',
      'org.opencontainers.image.version': manifest.version,
      'org.opencontainers.image.licenses': manifest.license,
      'org.opencontainers.image.description': manifest.description,
      'org.opencontainers.image.revision': expect.stringMatching(/^[0-9a-f]{40}(-changed)?$/),
      'org.opencontainers.image.created': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    })
    expect(config.User).toBe('65532')
    expect(runImage([], '--version')).toMatchObject({ status: 0, stdout: `${manifest.version}\n` })
  })

  test('ends with 64 and names the setting that is wrong', () => {
    const { status, stderr } = runImage(['--env', 'RUSTEZE_HOLD=5 apples', '--env', 'RUSTEZE_BACKEND=redis:6379'])
    expect(status).toBe(64)
    expect(stderr).toContain('RUSTEZE_HOLD')
    expect(stderr).toContain('RUSTEZE_BACKENDS')
  })

  test('answers its first PING soon after it was started', async () => {
    const port = await freePort()
    const id = docker(
      ...['create', '--label', inject('image').run, '--publish', `127.0.0.1:${port}:6380`, '--read-only'],
      ...['--env', 'RUSTEZE_LISTEN=0.0.0.0:6380', '--env', 'RUSTEZE_PROTECTED=off', imageName()],
    )
    const begun = performance.now()
    docker('start', id)
    // The port is open before the program listens; a connection is then closed without a word.
    const answer = async () => {
      const client = await connect(port)
      try {
        return await client.ask('PING')
      } finally {
        await client.close()
      }
    }
    expect(await waitUntil(answer, { what: 'it answers', timeoutMs: 20_000, intervalMs: 5 })).toBe('+PONG\r\n')
    console.log(`from docker start to the first PONG: ${(performance.now() - begun).toFixed(0)} ms`)
    docker('rm', '--force', id)
  })
})
