// What a server says about its own commands: names, flags, and the form of their arguments.
import type { RawClient } from '../support/raw-client.ts'
import { decodeReplies, type Tree } from './reply-tree.ts'

/** One argument as COMMAND DOCS describes it. */
export interface Argument {
  readonly name: string
  /** key, integer, double, string, pattern, unix-time, pure-token, oneof or block. */
  readonly type: string
  readonly token: string | undefined
  readonly isOptional: boolean
  readonly isMultiple: boolean
  /** With `isMultiple`: the token stands before each of them. */
  readonly repeatsToken: boolean
  readonly arguments: readonly Argument[]
}

export interface CommandSpec {
  /** Lower case; a subcommand as `container|subcommand`. */
  readonly name: string
  readonly words: readonly string[]
  readonly flags: ReadonlySet<string>
  readonly group: string
  readonly isContainer: boolean
  readonly arguments: readonly Argument[]
}

/** Every command and subcommand of the server's COMMAND table, by name: the table's own order is another at each start. */
export async function readCatalogue(client: RawClient): Promise<CommandSpec[]> {
  const docs = await ask(client, 'COMMAND', 'DOCS')
  const rows = await ask(client, 'COMMAND')
  const all = items(rows).flatMap((row) => {
    const name = text(items(row)[0])
    return specs(row, field(docs, name), text(field(field(docs, name), 'group')))
  })
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function ask(client: RawClient, ...words: string[]): Promise<Tree> {
  client.send(words)
  const reply = decodeReplies(await client.readReply())[0]
  if (reply?.items === undefined) throw new Error(`${words.join(' ')}: no list but ${JSON.stringify(reply)}`)
  return reply
}

function specs(row: Tree, docs: Tree | undefined, group: string): CommandSpec[] {
  const fields = items(row)
  const name = text(fields[0])
  const subcommands = items(fields[9])
  const spec: CommandSpec = {
    name,
    words: name.split('|'),
    flags: new Set(items(fields[2]).map(text)),
    group,
    isContainer: subcommands.length > 0,
    arguments: items(field(docs, 'arguments')).map(argument),
  }
  const subcommandDocs = field(docs, 'subcommands')
  return [spec, ...subcommands.flatMap((sub) => specs(sub, field(subcommandDocs, text(items(sub)[0])), group))]
}

function argument(tree: Tree): Argument {
  const flags = items(field(tree, 'flags')).map(text)
  return {
    name: text(field(tree, 'name')),
    type: text(field(tree, 'type')),
    token: field(tree, 'token')?.text,
    isOptional: flags.includes('optional'),
    isMultiple: flags.includes('multiple'),
    repeatsToken: flags.includes('multiple_token'),
    arguments: items(field(tree, 'arguments')).map(argument),
  }
}

/** The value of a field in a map, which RESP2 writes as a list of names and values. */
function field(map: Tree | undefined, name: string): Tree | undefined {
  const list = items(map)
  const index = list.findIndex((item, at) => at % 2 === 0 && item.text === name)
  return index < 0 ? undefined : list[index + 1]
}

function items(tree: Tree | undefined): readonly Tree[] {
  return tree?.items ?? []
}

function text(tree: Tree | undefined): string {
  return tree?.text ?? ''
}
