// Judges whether two sides said the same, and if not, whether the list of exceptions allows it.
import type { Answers } from './connection-pair.ts'
import { type Exception, exceptionsFor } from './exceptions.ts'
import type { Invocation } from './generate.ts'
import { decodeReplies, render, type Tree } from './reply-tree.ts'

/** A request of an exchange, and where its name stands in the server's table. */
export interface Asked {
  readonly name: string
  readonly invocation: Invocation
}

/** How the replies of an exchange belong to its requests. */
export const Layout = {
  /** One request; everything that comes answers it. */
  Single: 'single',
  /** As `Single`, behind a first request that is not judged. */
  Second: 'second',
  /** One reply for each request, in order. */
  Pipeline: 'pipeline',
  /** MULTI, the requests, EXEC: what EXEC answers has a part for each request. */
  Block: 'block',
} as const
export type Layout = (typeof Layout)[keyof typeof Layout]

/** Exceptions that a difference was met for. */
export const needed = new Set<Exception>()

/** @returns what differs, as text; undefined when nothing does. */
export function difference(answers: Answers, asked: readonly Asked[], layout: Layout): string | undefined {
  const { direct, proxied } = answers
  if (direct.equals(proxied)) return undefined
  const losing = asked.flatMap(allowed).find((exception) => exception.losesReplies === true)
  if (losing !== undefined) {
    needed.add(losing)
    return proxied.indexOf(direct) === 0 ? undefined : describe(direct, proxied)
  }
  const both = [direct, proxied].map(tryDecode)
  const [left, right] = both
  if (left === undefined || right === undefined) return describe(direct, proxied)
  const first = asked[0]
  if ((layout === Layout.Single || layout === Layout.Second) && first !== undefined) {
    const cut = allowed(first).find((exception) => exception.isFirstReplyOnly)
    if (cut !== undefined) {
      needed.add(cut)
      return isSame(left[0], right[0], first) ? undefined : describe(direct, proxied)
    }
    const isEqual = left.length === right.length && left.every((tree, index) => isSame(tree, right[index], first))
    return isEqual ? undefined : describe(direct, proxied)
  }
  return differenceOfMany(split(left), split(right), asked, layout)
}

/** Replies, and apart from them the pushes between them. */
interface Split {
  readonly replies: readonly Tree[]
  readonly pushes: readonly string[]
}

function split(trees: readonly Tree[]): Split {
  return {
    replies: trees.filter((tree) => tree.type !== '>'),
    pushes: trees.filter((tree) => tree.type === '>').map((tree) => render(tree)),
  }
}

function differenceOfMany(left: Split, right: Split, asked: readonly Asked[], layout: Layout): string | undefined {
  const offset = layout === Layout.Block ? 1 : 0
  const execAt = layout === Layout.Block ? asked.length + 1 : -1
  for (let index = 0; index < Math.max(left.replies.length, right.replies.length); index++) {
    const [one, other] = [left.replies[index], right.replies[index]]
    if (index === execAt && one?.items !== undefined && other?.items !== undefined) {
      if (one.items.length !== other.items.length) return `EXEC: ${describeTrees(one, other)}`
      const at = one.items.findIndex((item, place) => !isSame(item, other.items?.[place], asked[place]))
      if (at >= 0) return `in EXEC, ${wordsOf(asked[at])}: ${describeTrees(one.items[at], other.items[at])}`
    } else if (!isSame(one, other, asked[index - offset])) {
      return `reply ${index}, ${wordsOf(asked[index - offset])}: ${describeTrees(one, other)}`
    }
  }
  if (asked.some((one) => allowed(one).length > 0) || left.pushes.join('\n') === right.pushes.join('\n'))
    return undefined
  return `pushes:\n  direct  ${left.pushes.join(' ')}\n  proxied ${right.pushes.join(' ')}`
}

function allowed({ name, invocation }: Asked): readonly Exception[] {
  return exceptionsFor(name, invocation.words)
}

function isSame(one: Tree | undefined, other: Tree | undefined, asked: Asked | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  if (render(one) === render(other)) return true
  if (asked === undefined) return false
  const isError = one.type === '-' || other.type === '-'
  const exception = allowed(asked).find(({ mask, allowsErrors }) => {
    if (mask === undefined || (isError && allowsErrors !== true)) return false
    return mask(one) === mask(other)
  })
  if (exception !== undefined) needed.add(exception)
  return exception !== undefined
}

/** Names of the requests that the server answered by something else than an error. */
export function succeeded(direct: Buffer, asked: readonly Asked[], layout: Layout): string[] {
  const trees = tryDecode(direct) ?? []
  const { replies } = split(trees)
  const queued = replies[asked.length + 1]?.items
  // In a transaction DISCARD and EXEC are answered at once.
  const isAnswered = layout === Layout.Second && trees[1]?.text !== 'QUEUED'
  const answers = {
    [Layout.Single]: trees,
    [Layout.Second]: isAnswered ? trees.slice(1) : (queued ?? []),
    [Layout.Pipeline]: replies,
    [Layout.Block]: queued ?? [],
  }[layout]
  return asked.filter((_, index) => (answers[index]?.type ?? '-') !== '-').map(({ name }) => name)
}

function tryDecode(bytes: Buffer): Tree[] | undefined {
  try {
    return decodeReplies(bytes)
  } catch (error) {
    // What is cut off or out of step is shown as bytes.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** As much of a reply as is shown. */
const SHOWN_CHARACTERS = 700

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length})` : text
}

function describe(direct: Buffer, proxied: Buffer): string {
  const show = (bytes: Buffer) => shorten(JSON.stringify(bytes.toString('latin1')))
  return `\n  direct  ${show(direct)}\n  proxied ${show(proxied)}`
}

function describeTrees(one: Tree | undefined, other: Tree | undefined): string {
  const show = (tree: Tree | undefined) => (tree === undefined ? 'nothing' : shorten(render(tree)))
  return `\n  direct  ${show(one)}\n  proxied ${show(other)}`
}

export function wordsOf(asked: Asked | undefined): string {
  return asked === undefined
    ? 'around it'
    : shorten(asked.invocation.words.map((word) => JSON.stringify(word)).join(' '))
}
