// Makes argument lists for a command: well-formed by the server's own description, of the wrong type, too few, too many, garbage.
import type { Random } from '../simulator/random.ts'
import type { Argument, CommandSpec } from './catalogue.ts'
import { handWritten } from './hand-written.ts'
import { garbage, pickKey, pickValue } from './values.ts'

/** One request, as words of latin1. */
export interface Invocation {
  readonly words: readonly string[]
  /** By the description; it may still fail for what it finds. */
  readonly isWellFormed: boolean
}

const WELL_FORMED_COUNT = 8
const WRONG_TYPE_COUNT = 3
const GARBAGE_COUNT = 2

interface Choices {
  readonly random: Random
  readonly spec: CommandSpec
  readonly payloads: readonly string[]
  /** How often each repeated argument stands: one number for all, so that lists that belong together are as long as each other. */
  readonly repeats: number
  readonly optionChance: number
  readonly anyType: boolean
}

/** The same for the same seed, command and payloads. @param payloads what DUMP answers on this server. */
export function invocationsOf(spec: CommandSpec, random: Random, payloads: readonly string[]): Invocation[] {
  const byHand = handWritten[spec.name]
  const name = spec.words.map((word) => mixCase(word, random))
  const lists: Invocation[] = []
  const add = (args: readonly string[], isWellFormed: boolean, words: readonly string[] = spec.words): void => {
    lists.push({ words: [...words, ...args], isWellFormed })
  }
  for (const args of byHand?.cases ?? []) add(args, true)
  if (byHand?.isAll === true) return lists
  if (spec.isContainer) {
    add([], false)
    add(['nosuch'], false)
    add(['help', 'extra'], false)
    return lists
  }
  const generate = (optionChance: number, anyType: boolean): string[] =>
    argumentsOf({ random, spec, payloads, repeats: 1 + random.below(3), optionChance, anyType })
  add(generate(0, false), true, name)
  for (let count = 1; count < WELL_FORMED_COUNT; count++) add(generate(random.pick([0.2, 0.5, 0.5]), false), true)
  for (let count = 0; count < WRONG_TYPE_COUNT; count++) add(generate(0.2, true), false)
  const least = generate(0, false)
  add([], false)
  if (least.length > 1) add(least.slice(0, -1), false)
  add([...least, 'surplus'], false)
  add([...least, 'surplus', ...garbage.slice(0, 2)], false)
  for (let count = 0; count < GARBAGE_COUNT; count++) {
    add(
      Array.from({ length: Math.max(1, least.length) }, () => random.pick(garbage)),
      false,
    )
  }
  return lists
}

function mixCase(word: string, random: Random): string {
  return [...word].map((letter) => (random.chance(0.5) ? letter.toUpperCase() : letter)).join('')
}

function argumentsOf(choices: Choices): string[] {
  return choices.spec.arguments.flatMap((argument) => expand(argument, choices))
}

function expand(argument: Argument, choices: Choices): string[] {
  const { random } = choices
  if (argument.isOptional && !random.chance(choices.optionChance)) return []
  const repeats = argument.isMultiple ? choices.repeats : 1
  const words: string[] = []
  for (let count = 0; count < repeats; count++) {
    // A pure token is its own value.
    const isNamed = argument.token !== undefined && argument.type !== 'pure-token'
    if (isNamed && (count === 0 || argument.repeatsToken)) words.push(argument.token ?? '')
    words.push(...valueOf(argument, choices))
  }
  return words
}

function valueOf(argument: Argument, choices: Choices): string[] {
  const { random, spec, payloads } = choices
  switch (argument.type) {
    case 'pure-token':
      return [argument.token ?? argument.name]
    case 'oneof':
      return argument.arguments.length === 0 ? [] : expand(random.pick(argument.arguments), choices)
    case 'block':
      return argument.arguments.flatMap((part) => expand(part, choices))
    case 'key':
      return [pickKey(random, spec, choices.anyType)]
    default:
      if (argument.name === 'numkeys' || argument.name === 'numfields') return [String(choices.repeats)]
      return [pickValue(random, spec, argument, payloads)]
  }
}
