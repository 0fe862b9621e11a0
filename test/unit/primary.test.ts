// Which of several servers is the primary, from what each says of itself.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Hint, majorityOf, type SentinelWord } from '../../src/topology/hint.ts'
import { type Circumstances, type Judgement, judgePrimary, type Node } from '../../src/topology/primary.ts'
import { isForeign, isPromotedFrom, parseReplication, type Replication } from '../../src/topology/replication.ts'

const NO_LINE = '0'.repeat(40)

function replication(said: Partial<Replication>): Replication {
  return {
    runId: '',
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

function hint(...names: string[]): Hint {
  return { source: 'a label', names: new Set(names), runId: '', givenAt: 100 }
}

function judge(nodes: readonly Node[], said: Partial<Circumstances> = {}): Judgement {
  return judgePrimary(nodes, { accepted: null, acceptedAt: 0, isEmptyAllowed: false, hints: [], ...said })
}

const promoted = { line: 'b2', formerLine: 'a1' }

describe('judgement', () => {
  function nameOf(nodes: Node[], accepted: Node | null = null, ...hints: Hint[]): string | undefined {
    return judge(nodes, { accepted, hints }).primary?.name
  }

  test('one master is taken, whatever the replicas say', () => {
    expect(nameOf([replica('r'), master('m')])).toBe('m')
    expect(nameOf([master('m', null)])).toBe('m')
  })

  test('no master, no primary', () => {
    expect(judge([replica('r')])).toMatchObject({ primary: null, reason: /./ })
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

  test('a hint chooses among masters that nothing else tells apart, by address or by process', () => {
    const [one, other] = [master('one'), master('other', { line: 'ff', runId: 'r2' })]
    expect(nameOf([one, other], null, hint('other'))).toBe('other')
    expect(nameOf([one, other], one, hint('other'))).toBe('other')
    expect(nameOf([one, other], one, { ...hint('10.0.0.1:6379'), runId: 'r2' })).toBe('other')
    expect(judge([one, other], { hints: [hint('one')] }).reason).toBe('named by a label')
    expect(nameOf([one, other], null, hint('one', 'other'))).toBeUndefined()
    expect(nameOf([one, other], one, hint('nobody'))).toBe('one')
    // The first that names one decides.
    expect(nameOf([one, other], null, hint('nobody'), hint('other'), hint('one'))).toBe('other')
  })

  test('a hint overrides neither role, nor lineage, nor replicas, nor the wait for data', () => {
    const [one, other] = [master('one'), master('other', { line: 'ff' })]
    expect(nameOf([one, replica('r')], null, hint('r'))).toBe('one')
    expect(nameOf([one, master('new', promoted)], null, hint('one'))).toBe('new')
    expect(nameOf([one, other, replica('r', { line: 'ff' })], null, hint('one'))).toBe('other')
    const empty = master('empty', { line: 'e0', hasData: false })
    expect(nameOf([empty, replica('orphan', { isFollowing: false })], null, hint('empty'))).toBeUndefined()
  })

  test('a hint from before the accepted one was taken lags behind, unless that one is no master any more', () => {
    const [one, other, third] = [master('one', null), master('other', null), master('third', null)]
    const stale = { accepted: one, acceptedAt: 200, hints: [hint('other')] }
    expect(judge([one, other], stale).primary).toBe(one)
    expect(judge([one, other], { ...stale, acceptedAt: 50 }).primary).toBe(other)
    expect(judge([other, third, { ...one, isMaster: false }], stale).primary).toBe(other)
  })

  test('an empty one beside data that it lacks is not taken until that has been waited for', () => {
    const empty = master('empty', { line: 'e0', hasData: false })
    const orphan = replica('orphan', { isFollowing: false })
    expect(nameOf([empty, orphan])).toBeUndefined()
    expect(judge([empty, orphan], { isEmptyAllowed: true })).toMatchObject({ primary: empty, isDataMissing: true })
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
          runId: fc.constantFrom('', 'r1', 'r2'),
          line,
          formerLine: fc.oneof(line, fc.constant(NO_LINE)),
          offset: fc.nat(),
          isFollowing: fc.boolean(),
          hasData: fc.option(fc.boolean(), { nil: undefined }),
        }),
      ),
    })
    const labels = fc.array(fc.array(fc.nat(4), { maxLength: 2 }), { maxLength: 2 })
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.nat(4),
        labels,
        (said, isEmptyAllowed, pick, labelled) => {
          const hints = labelled.map((names) => hint(...names.map(String)))
          const nodes = said.map((each, index) => ({ ...each, name: String(index) }))
          const accepted = nodes[pick] ?? null
          const circumstances = { accepted, isEmptyAllowed, hints }
          const { primary } = judge(nodes, circumstances)
          expect(primary?.isMaster ?? true).toBe(true)
          expect(judge(nodes.toReversed(), circumstances).primary).toBe(primary)
          // A hint only chooses where without it nobody is chosen, or only because he was before.
          const { primary: unhinted, reason } = judge(nodes, { ...circumstances, hints: [] })
          if (primary !== unhinted) expect(unhinted === null || reason === 'still a master, as before').toBe(true)
          if (primary !== unhinted) expect(hints.some(({ names }) => names.has(primary!.name))).toBe(true)
        },
      ),
    )
  })
})

describe('Sentinels', () => {
  const said = (address: string, runId = '', askedAt = 1): SentinelWord => ({ group: 'g', address, runId, askedAt })

  test('decide by a majority of all, those included that do not answer', () => {
    expect(majorityOf([said('a'), said('a'), said('b')], 3)?.names).toEqual(new Set(['a']))
    expect(majorityOf([said('a'), said('b')], 3)).toBeNull()
    expect(majorityOf([said('a'), said('a')], 4)).toBeNull()
    expect(majorityOf([said('a')], 1)?.names).toEqual(new Set(['a']))
    expect(majorityOf([], 3)).toBeNull()
  })

  test('the process is known if one of them knows it, and their word is as old as the oldest', () => {
    const words = [said('a', '', 5), said('a', 'r1', 3), said('b', 'r2', 1)]
    expect(majorityOf(words, 3)).toMatchObject({ runId: 'r1', givenAt: 3 })
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
    const server = '# Server\r\nrun_id:77\r\n'
    const expected = { runId: '77', line: 'ab', formerLine: NO_LINE, offset: 7, isFollowing: true }
    const parse = (keyspace?: string) => parseReplication({ server, replication: text, keyspace })
    expect(parse('# Keyspace\r\ndb3:keys=1,expires=0\r\n')).toEqual({ ...expected, hasData: true })
    expect(parse('# Keyspace\r\n')).toEqual({ ...expected, hasData: false })
    expect(parse()).toEqual({ ...expected, hasData: undefined })
    expect(parseReplication({ server: undefined, replication: undefined, keyspace: undefined })).toBeNull()
  })

  test('two that never had a former line have nothing in common by that', () => {
    expect(isForeign(replication({ line: 'a1' }), replication({ line: 'b2' }))).toBe(true)
    expect(isForeign(replication({ line: 'b2', formerLine: 'a1' }), replication({ line: 'a1' }))).toBe(false)
    expect(isPromotedFrom(replication(promoted), replication({}))).toBe(true)
    expect(isPromotedFrom(replication({}), replication(promoted))).toBe(false)
  })
})
