// package-lock.json is whole: npm ci refuses one that lacks a package for another machine, and none may name a registry.

import { expect, test } from 'vitest'
import lock from '../../package-lock.json' with { type: 'json' }

type Entry = { version?: string; integrity?: string; optionalDependencies?: Record<string, string> }

const packages: Record<string, Entry> = lock.packages

test('every optional package is locked, for whatever machine it is', () => {
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
  expect(wanted.filter((name) => !(`node_modules/${name}` in packages))).toEqual([])
})

test('every package has its version and checksum, and comes from whichever registry the user has', () => {
  const entries = Object.entries(packages).filter(([path]) => path !== '')
  expect(entries.filter(([, { version, integrity }]) => !version || !integrity)).toEqual([])
  expect(JSON.stringify(packages)).not.toContain('"resolved"')
})
