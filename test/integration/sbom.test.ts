// The bill of materials: every package the program is made of, with version and checksum, and nothing that only builds or tests it.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }

test('npm run sbom names what the program is made of, and nothing else', () => {
  const text = execFileSync('npm', ['run', '--silent', 'sbom'], { encoding: 'utf8', maxBuffer: 1 << 28 })
  const { bomFormat, metadata, components } = JSON.parse(text)
  expect(bomFormat).toBe('CycloneDX')
  expect(metadata.component.purl).toBe(`pkg:npm/rusteze@${manifest.version}`)
  const names = components.map(({ name }: { name: string }) => name)
  expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)))
  for (const name of [...Object.keys(manifest.devDependencies), ...Object.keys(manifest.optionalDependencies)]) {
    // The client of Kubernetes depends on Node's types.
    if (name !== '@types/node') expect(names).not.toContain(name)
  }
  for (const { version, hashes } of components) {
    expect(version).toMatch(/^\d/)
    expect(hashes).not.toHaveLength(0)
  }
})
