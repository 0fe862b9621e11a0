// Which of several servers is the primary, from what each says of itself.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { judgePrimary, type Node } from '../../src/topology/primary.ts'
import { isForeign, isPromotedFrom, parseReplication, type Replication } from '../../src/topology/replication.ts'

const NO_LINE = '0'.repeat(40)

function replication(said: Partial<Replication>): Replication {
  return {
    line: 'a1',
    formerLine: NO_LINE,
    offset: 0,
    isFollowing: false,
    hasData: true,
    ...said,
  }
}

function master(name: string, said: Partial<Replication> | null = {}): Node {
  return { name, isMaster: true, replication: said === null ? null : replication(said) }
}

function replica(name: string, said: Partial<Replication> = {}): Node {
  return { name, isMaster: false, replication: replication({ isFollowing: true, ...said }) }
}

const promoted = { line: 'b2', formerLine: 'a1' }

describe('judgement', () => {
  function nameOf(nodes: Node[], accepted: Node | null = null, isEmptyAllowed = false): string | undefined {
    return judgePrimary(nodes, accepted, isEmptyAllowed).primary?.name
  }

  test('one master is taken, whatever the replicas say', () => {
    expect(nameOf([replica('r'), master('m')])).toBe('m')
    expect(nameOf([master('m', null)])).toBe('m')
  })

  test('no master, no primary', () => {
    expect(judgePrimary([replica('r')], null, false)).toMatchObject({ primary: null, reason: /./ })
  })

  test('of two masters the one promoted from the other, even if that one was accepted', () => {
    const old = master('old', {})
    expect(nameOf([old, master('new', promoted)], old)).toBe('new')
  })

  test('a chain of promotions: the newest', () => {
    const third = { line: 'c3', formerLine: 'b2' }
    expect(nameOf([master('1'), master('3', third), master('2', promoted)])).toBe('3')
  })

  test('without lineage the one that replicas follow; else the accepted one; else none', () => {
    const [one, other] = [master('one'), master('other', { line: 'ff' })]
    expect(nameOf([one, other, replica('r', { line: 'ff' })], one)).toBe('other')
    expect(nameOf([one, other, replica('r', { line: 'ff', isFollowing: false })], one)).toBe('one')
    expect(nameOf([one, other])).toBeUndefined()
    expect(nameOf([master('one', null), master('other', null)])).toBeUndefined()
  })

  test('an empty one beside data that it lacks is not taken until that has been waited for', () => {
    const empty = master('empty', { line: 'e0', hasData: false })
    const orphan = replica('orphan', { isFollowing: false })
    expect(nameOf([empty, orphan])).toBeUndefined()
    expect(judgePrimary([empty, orphan], null, true)).toMatchObject({ primary: empty, isDataMissing: true })
    expect(nameOf([empty, orphan, master('full', { line: 'ff' })])).toBe('full')
  })

  test('an empty one that was emptied by its clients, or is alone, is taken', () => {
    expect(nameOf([master('flushed', { hasData: false }), replica('behind', { isFollowing: false })])).toBe('flushed')
    expect(
      nameOf([master('fresh', { line: 'e0', hasData: false }), replica('r', { line: 'e0', hasData: false })]),
    ).toBe('fresh')
  })

  test('the order in which servers are named changes nothing, and what is taken is a master', () => {
    const line = fc.constantFrom('a1', 'b2', 'c3')
    const node = fc.record({
      isMaster: fc.boolean(),
      replication: fc.option(
        fc.record({
          line,
          formerLine: fc.oneof(line, fc.constant(NO_LINE)),
          offset: fc.nat(),
          isFollowing: fc.boolean(),
          hasData: fc.option(fc.boolean(), { nil: undefined }),
        }),
      ),
    })
    fc.assert(
      fc.property(fc.array(node, { minLength: 1, maxLength: 5 }), fc.boolean(), fc.nat(4), (said, isAllowed, pick) => {
        const nodes = said.map((each, index) => ({ ...each, name: String(index) }))
        const accepted = nodes[pick] ?? null
        const { primary } = judgePrimary(nodes, accepted, isAllowed)
        expect(primary?.isMaster ?? true).toBe(true)
        expect(judgePrimary(nodes.toReversed(), accepted, isAllowed).primary).toBe(primary)
      }),
    )
  })
})

describe('INFO', () => {
  const text = [
    'role:slave',
    'slave_repl_offset:7',
    'master_repl_offset:9',
    'master_link_status:up',
    'master_replid:ab',
    `master_replid2:${NO_LINE}`,
  ].join('\r\n')

  test('is understood', () => {
    const expected = { line: 'ab', formerLine: NO_LINE, offset: 7, isFollowing: true }
    expect(parseReplication(text, '# Keyspace\r\ndb3:keys=1,expires=0\r\n')).toEqual({ ...expected, hasData: true })
    expect(parseReplication(text, '# Keyspace\r\n')).toEqual({ ...expected, hasData: false })
    expect(parseReplication(text, undefined)).toEqual({ ...expected, hasData: undefined })
    expect(parseReplication('', undefined)).toBeNull()
  })

  test('two that never had a former line have nothing in common by that', () => {
    expect(isForeign(replication({ line: 'a1' }), replication({ line: 'b2' }))).toBe(true)
    expect(isForeign(replication({ line: 'b2', formerLine: 'a1' }), replication({ line: 'a1' }))).toBe(false)
    expect(isPromotedFrom(replication(promoted), replication({}))).toBe(true)
    expect(isPromotedFrom(replication({}), replication(promoted))).toBe(false)
  })
})
