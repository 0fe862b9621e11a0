// Takes replies apart where bytes may differ: a tree of types and texts, and how to write it down for people.

/** One reply: a text, or the replies it is made of; nothing for a null. */
export interface Tree {
  /** RESP's own letter for the type. */
  readonly type: string
  readonly text: string | undefined
  readonly items: readonly Tree[] | undefined
}

const childrenPerCount: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 }

/** All replies and pushes in `bytes`, which end where a reply ends; text is latin1, so that every byte is kept. */
export function decodeReplies(bytes: Buffer): Tree[] {
  let offset = 0

  function line(): string {
    const end = bytes.indexOf('\r\n', offset)
    if (end < 0) throw new RangeError(`a reply is cut off: ${JSON.stringify(bytes.toString('latin1', offset))}`)
    const text = bytes.toString('latin1', offset, end)
    offset = end + 2
    return text
  }

  function one(): Tree {
    const header = line()
    const type = header.slice(0, 1)
    const rest = header.slice(1)
    const perCount = childrenPerCount[type]
    if (perCount !== undefined) {
      if (rest === '-1') return { type, text: undefined, items: undefined }
      const items: Tree[] = []
      for (let left = Number(rest) * perCount; left > 0; left--) items.push(one())
      return { type, text: undefined, items }
    }
    if (!'$=!'.includes(type)) return { type, text: rest, items: undefined }
    if (rest === '-1') return { type, text: undefined, items: undefined }
    const text = bytes.toString('latin1', offset, offset + Number(rest))
    offset += Number(rest) + 2
    return { type, text, items: undefined }
  }

  const replies: Tree[] = []
  while (offset < bytes.length) replies.push(one())
  return replies
}

/** One line of text. @param change what becomes of each text, and of the rendered parts of an aggregate. */
export function render(
  tree: Tree,
  change: { text?: (text: string) => string; parts?: (parts: string[]) => string[] } = {},
): string {
  if (tree.items !== undefined) {
    const parts = tree.items.map((item) => render(item, change))
    return `${tree.type}[${(change.parts?.(parts) ?? parts).join(' ')}]`
  }
  if (tree.text === undefined) return `${tree.type}nil`
  return `${tree.type}${JSON.stringify(change.text?.(tree.text) ?? tree.text)}`
}
