import t from 'tap'
import {
  advanceLife,
  type Evidence,
  endLife,
  type Life,
  type LifePlan,
  newLife,
} from '../../src/tracking/target.js'

const config = {
  confirmWindows: 3,
  tentativeMisses: 2,
  tentativeMs: 1000,
  lostAfterWindows: 3,
  reacquireWindows: 2,
  lostMs: 500,
  commandedLostMs: 800,
  stillAfterWindows: 2,
  stillMs: 1000,
}

/** Plays letters: g good, m miss, s silent, n none; capitals: moved (G), leaving (M, S, N). Each is 100 ms. */
function play(from: Life, letters: string): { life: Life; log: string[] } {
  const kinds: Record<string, Evidence['kind']> = { g: 'good', m: 'miss', s: 'silent', n: 'none' }
  const log: string[] = []
  let life = from
  for (const letter of letters) {
    const upper = letter !== letter.toLowerCase()
    const plan: LifePlan = advanceLife(
      life,
      {
        kind: kinds[letter.toLowerCase()]!,
        dtUs: 100_000,
        moved: upper,
        leaving: upper && letter !== 'G',
      },
      config,
    )
    life = plan.life
    if (plan.event !== undefined || plan.reason !== undefined) {
      log.push([plan.event ?? 'silently', plan.reason].filter(Boolean).join(' '))
    }
  }
  return { life, log }
}

const found = newLife(true)
const commanded = newLife(false)
const tracked = play(commanded, 'g').life
const own = play(found, 'GGG').life

const table: [name: string, from: Life, letters: string, phase: string, log: string[]][] = [
  ['found, good and moved: confirmed', found, 'GGG', 'tracking', ['new']],
  ['found, good but never moved: not confirmed', found, 'ggggg', 'tentative', []],
  ['found, moved on the last good window', found, 'gggG', 'tracking', ['new']],
  ['a miss starts the count again', found, 'GGmGG', 'tentative', []],
  ['found, misses: dropped without a word', found, 'gmm', 'ended', ['silently lost']],
  ['found, then silent: dropped', found, 'gss', 'ended', ['silently lost']],
  ['found, never sure: dropped in time', found, 'gggggggggggg', 'ended', ['silently lost']],
  ['commanded in silence: still', commanded, 'ssssssssssssssss', 'still', []],
  ['commanded, events: tracking', commanded, 'sg', 'tracking', ['update']],
  ['one silent window is nothing', tracked, 'sgs', 'tracking', []],
  ['silent: still, for as long as it takes', tracked, `${'s'.repeat(40)}`, 'still', ['update']],
  ['still, then events: tracking', tracked, 'ssssg', 'tracking', ['update', 'update']],
  ['silent at the edge, moving out: left', own, 'SS', 'ended', ['end left']],
  ['misses: lost', tracked, 'gmmm', 'lost', ['lost']],
  ['misses with a good one between: not lost', tracked, 'mmgmm', 'tracking', []],
  ['misses at the edge, moving out: left', own, 'MMM', 'ended', ['end left']],
  ['a gap is not a loss', tracked, 'mmnnnnnnnnnn', 'tracking', []],
  ['a gap is not silence', tracked, 'snnnnn', 'tracking', []],
  ['still, then something else there: lost', tracked, 'ssmmm', 'lost', ['update', 'lost']],
  ['lost, one good window is not enough', tracked, 'mmmgm', 'lost', ['lost']],
  ['lost, found again', tracked, 'mmmmgg', 'tracking', ['lost', 'reacquired']],
  ['lost for good', own, 'mmmmmmmmmm', 'ended', ['lost', 'end lost']],
  ['lost in silence ends as well', own, 'mmmsssssss', 'ended', ['lost', 'end lost']],
  [
    'time in a gap is not held against it',
    tracked,
    `mmm${'n'.repeat(20)}gg`,
    'tracking',
    ['lost', 'reacquired'],
  ],
  ['lost at the edge, moving out: left', own, 'mmmM', 'ended', ['lost', 'end left']],
  ['commanded, moving out: waited for', tracked, 'MMM', 'lost', ['lost']],
  ['commanded, out in silence: waited for', tracked, 'SSSSSSSS', 'lost', ['lost']],
  ['commanded, comes back', tracked, 'SSSSgg', 'tracking', ['lost', 'reacquired']],
  ['commanded, lost for good', tracked, 'mmmmmmmmmmmmm', 'ended', ['lost', 'end lost']],
  ['commanded, never comes back', tracked, 'MMMMMMMMMMMM', 'ended', ['lost', 'end left']],
  ['nothing comes after the end', own, 'MMMggg', 'ended', ['end left']],
]

t.test('lives', async (t) => {
  for (const [name, from, letters, phase, log] of table) {
    const result = play(from, letters)
    t.same([result.life.phase, result.log], [phase, log], `${name}: ${letters}`)
  }
})

t.test('a target found by itself is forgotten when it stays still', async (t) => {
  const confirmed = play(found, 'GGG').life
  t.same(play(confirmed, 's'.repeat(14)).log, ['update', 'end lost'])
  const forever = { ...config, stillMs: 0 }
  let life = play(confirmed, 'ss').life
  for (let i = 0; i < 100; i++) {
    const evidence = { kind: 'silent', dtUs: 1e6, moved: false, leaving: false } as const
    life = advanceLife(life, evidence, forever).life
  }
  t.equal(life.phase, 'still')
})

t.test('ends from outside', async (t) => {
  t.match(endLife(tracked, 'stopped'), {
    event: 'end',
    reason: 'stopped',
    life: { phase: 'ended' },
  })
  const unseen = endLife(found, 'merged')
  t.equal(unseen.event, undefined, 'what was never published does not end in public')
  t.same(endLife(unseen.life, 'stopped'), { life: unseen.life }, 'once only')
})

t.test('a life knows how long it was unseen', async (t) => {
  t.equal(play(tracked, 'gmm').life.unseenUs, 200_000)
  t.equal(play(tracked, 'mms').life.unseenUs, 0, 'silence is known to be silence')
  t.equal(play(tracked, 'mmmss').life.unseenUs, 500_000, 'but not where a lost one is')
})
