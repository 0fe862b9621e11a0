// What the doctor says of memory and clocks, which a test cannot have as it wants them, and the form of its lines.
import { expect, test } from 'vitest'
import { containerMemory } from '../../src/operations/memory-ceiling.ts'
import { checkClocks } from '../../src/subcommands/check-clocks.ts'
import { checkMemory } from '../../src/subcommands/check-memory.ts'
import { type Finding, failed, lineOf } from '../../src/subcommands/finding.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const settings = { memoryLimitBytes: 0, holdBytes: 16 * MIB, outputHardLimitBytes: 64 * MIB }

function memory(more: Partial<typeof settings>, constrained: number): string[] {
  const findings: Finding[] = []
  checkMemory({ ...settings, ...more }, (finding) => findings.push(finding), containerMemory(constrained, 8 * GIB))
  return findings.map(lineOf)
}

test('memory that suffices', () => {
  expect(memory({}, 128 * MIB)).toEqual([
    expect.stringMatching(
      /^ok +memory: the container may use 128 MiB; 3\d MiB .*before RUSTEZE_OUTPUT_HARD \(64 MiB\)/,
    ),
  ])
  expect(memory({ memoryLimitBytes: 32 * MIB }, 128 * MIB)).toEqual([
    expect.stringMatching(/^ok .*; 32 MiB of replies/),
  ])
})

test('no limit, written in any way: 0 where there is no cgroup, more than the machine has where there is no limit', () => {
  for (const constrained of [0, 2 ** 63]) {
    expect(memory({}, constrained)).toEqual([
      expect.stringMatching(/^warning +memory: nothing limits .*Set a memory limit/),
    ])
    expect(memory({ memoryLimitBytes: 32 * MIB }, constrained)).toEqual([expect.stringMatching(/^ok .*; 32 MiB/)])
  }
})

test('a container that is too small, and settings that do not fit', () => {
  expect(memory({ holdBytes: MIB }, 64 * MIB)).toEqual([
    expect.stringMatching(/^warning .*64 MiB: a busy proxy takes more. Raise the limit to 96 MiB/),
  ])
  expect(memory({ memoryLimitBytes: 100 * MIB }, 128 * MIB)).toEqual([
    expect.stringMatching(/^warning .*RUSTEZE_MEMORY lets 100 MiB wait.*Lower it to 3\d MiB/),
  ])
  expect(memory({ holdBytes: GIB }, 128 * MIB)).toEqual([
    expect.stringMatching(/^warning .*RUSTEZE_HOLD_BYTES \(1024 MiB\) is above the 3\d MiB/),
  ])
})

test('clocks', () => {
  const said = (apiSkewMs: number | undefined, ...skews: (number | undefined)[]) => {
    const findings: Finding[] = []
    const servers = skews.map((skewMs, index) => ({ name: `server-${index}`, skewMs }))
    checkClocks(apiSkewMs, servers, (finding) => findings.push(finding))
    return findings.map(lineOf)
  }
  expect(said(undefined, undefined)).toEqual([])
  expect(said(-900, 3, undefined)).toEqual(['ok       clock: agrees with 2 others'])
  expect(said(-7000, 60_000, 1)).toEqual([
    expect.stringMatching(/^warning +clock: that of the API server is 7 s behind/),
    expect.stringMatching(/^warning +clock: that of server-0 is 60 s ahead. Set the clocks/),
  ])
})

test('what a server says stays on its line and moves no cursor', () => {
  expect(lineOf(failed('10.0.0.1:6379', 'ERR \u001b[2J\r\nok  all is well\u009b1A', 'Look'))).toBe(
    'failed   10.0.0.1:6379: ERR  [2J ok  all is well 1A. Look',
  )
})
