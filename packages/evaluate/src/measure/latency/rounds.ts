import { PareError } from '@pare/onnx'
import type { Session } from '../../process/runtime.js'
import type { Runnable } from '../sparse-run.js'
import type { OpenSizes } from './latency-inputs.js'
import { FEWEST_RUNS, medianOf, type TimingRound } from './latency-statistics.js'

const WARM_UP_RUNS = 5
const FEWEST_TIMED = 20
const MOST_RUNS = 5000
/** Shorter runs are timed several at once: what the clock and the scheduler add is below a thousandth then. */
const SHORTEST_MS = 1
/** How often both models are opened anew: a session that lies well in memory is up to 1 % faster for as long as it is open. */
const OPENINGS = 10
/** Models that take so long to open that this many openings do not fit stay open, and the interval allows for where they lie. */
const FEWEST_OPENINGS = 5

export interface SessionPair extends AsyncDisposable {
  readonly reference: Session
  readonly pruned: Session
}

/** A run of a model. Resolves to its milliseconds. */
export type TimedRun = () => Promise<number>

interface Racing {
  readonly first: SessionPair
  readonly open: (isReversed: boolean) => Promise<SessionPair>
  /** How long that takes. */
  readonly openMs: number
  /** Runs of both models of a pair. */
  readonly runsOf: (pair: SessionPair) => readonly TimedRun[]
  /** Milliseconds of a run of the faster one, once both are warm. */
  readonly callMs: number
  /** Of models that stay open. */
  readonly more: readonly TimedRun[]
  /** Runs of each model. Default: as many as the time allows */
  readonly runs: number | undefined
  readonly seconds: number
  readonly seed: number
  /** Told which part is done. */
  readonly share: (done: number) => void
}

/** Milliseconds of all runs: a round for each time that the pair was opened, and in it a list for each model. */
export async function timeRounds({ first, open, openMs, runsOf, callMs, more, runs, seconds, seed, share }: Racing) {
  await warmUp(more)
  const calls = Math.max(1, Math.ceil(SHORTEST_MS / callMs))
  const least = Math.max(runs ?? FEWEST_TIMED, FEWEST_RUNS)
  const timingMs = runs === undefined ? Math.max(seconds * 1000, 2 * least * callMs * calls) : 2 * runs * callMs * calls
  const openings = openingsFor(timingMs, openMs, least)
  const rounds: TimingRound[] = []
  const start = performance.now()
  for (let r = 0; r < openings; r++) {
    const isReversed = turns(seed, -1 - r, 2)[0] === 1
    await using opened = openings === 1 ? undefined : await open(isReversed)
    const run = [...runsOf(opened ?? first), ...more]
    if (opened !== undefined) await warmUp(run)
    const times = run.map((): number[] => [])
    const from = performance.now()
    const own = Math.floor(((r + 1) * least) / openings) - Math.floor((r * least) / openings)
    const most = Math.ceil(MOST_RUNS / openings)
    for (let i = 0; ; i++) {
      const part = ((performance.now() - from) / 1000 / seconds) * openings
      if (i >= own && (runs !== undefined || part >= 1 || i >= most)) break
      share((r + Math.min(runs === undefined ? part : i / own, 1)) / openings)
      for (const which of turns(seed, r * MOST_RUNS + i, run.length)) times[which]!.push(await several(run[which]!, calls))
    }
    rounds.push(times)
  }
  return { rounds, openings, seconds: (performance.now() - start) / 1000 }
}

/** As many as take half as long as what is timed, or one where those are too few; each has two runs at least. */
function openingsFor(timingMs: number, openMs: number, runs: number): number {
  const fitting = Math.min(OPENINGS, Math.floor(timingMs / 2 / openMs), Math.floor(runs / 2))
  return fitting < FEWEST_OPENINGS ? 1 : fitting
}

/** Milliseconds of a run of each. */
export async function warmUp(run: readonly TimedRun[]): Promise<number[]> {
  const times = run.map((): number[] => [])
  for (let i = 0; i < WARM_UP_RUNS; i++) for (const [which, once] of run.entries()) times[which]!.push(await once())
  return times.map(medianOf)
}

/** Milliseconds of one of several runs in a row. */
async function several(once: TimedRun, calls: number): Promise<number> {
  let total = 0
  for (let i = 0; i < calls; i++) total += await once()
  return total / calls
}

/** Milliseconds of one run, with what Node needs to hand inputs over. */
export async function timed(model: Runnable, inputs: Parameters<Runnable['runAll']>[0], sizes: OpenSizes): Promise<number> {
  const start = performance.now()
  await model.runAll(inputs).catch((cause: Error) => {
    const dims = Object.entries(sizes).map(([name, size]) => `${name}=${size}`)
    throw new PareError(`${model.name} does not run with ${dims.join(', ') || 'inputs that are made up'}: ${cause.message}`, {
      hint: 'give the sizes that the model was made for: --dims height=32,width=32',
      cause,
    })
  })
  return performance.now() - start
}

/** 0 to count − 1 from one drawn by lot on, round about one way or the other: a function of the seed and a number (hash prospector's lowbias32). */
function turns(seed: number, number: number, count: number): number[] {
  let x = (Math.imul(seed, 0x9e3779b1) + number) | 0
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  x ^= x >>> 15
  const [first, step] = [(x >>> 1) % count, (x & 1) === 0 ? 1 : count - 1]
  return Array.from({ length: count }, (_, i) => (first + i * step) % count)
}
