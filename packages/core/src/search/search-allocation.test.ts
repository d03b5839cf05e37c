import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Model, parseText, readAll } from '@pare/onnx'
import { afterAll, expect, test } from 'vitest'
import { weightsOf } from '../analyse/analyse.js'
import { applyPlan } from '../apply/apply.js'
import { type Data, forwardOver } from '../calibrate/forward.test.support.js'
import { makePlan } from '../plan/make-plan.js'
import type { PlanOptions, PruneStep } from '../plan/plan.js'
import { magnitude, masking, wanda } from '../plan/plugins.test.data.js'
import type { FileSetting, OpenTrials } from '../probe/trials.js'
import type { SearchOptions } from './search-options.js'
import type { OpenSearch, SearchFacts } from './state.js'

const folder = await mkdtemp(join(tmpdir(), 'pare-search-'))
afterAll(() => rm(folder, { recursive: true }))

const values = (count: number, size: number) =>
  Array.from({ length: count }, (_, i) => (size * (1 + ((i * 7) % 11))).toFixed(3)).join(', ')

/** Three weights of 16 elements; the output hears hardly anything of the last but one. */
const model = () =>
  parseText(`g (float[N, 4] x) => (float[N, 4] y) <float[4, 4] a = {${values(16, 0.1)}}, float[4, 4] b = {${values(16, 0.003)}}, float[4, 4] c = {${values(16, 0.2)}}>
    { h = MatMul(x, a) k = MatMul(x, b) s = Add(h, k) y = MatMul(s, c) }`)

const data: Data = { x: { data: Float32Array.from({ length: 32 }, (_, i) => Math.sin(i * i)), shape: [8, 4] } }

/** f32[n, 4] · f32[4, 4] */
const product = (x: Float32Array, w: Float32Array) =>
  Float32Array.from(x, (_, at) => [0, 1, 2, 3].reduce((sum, k) => sum + x[at - (at % 4) + k]! * w[4 * k + (at % 4)]!, 0))

/** The mean squared difference from the whole model, over the first part of the data; files are read as they are kept. */
function comparing(rounds: { count: number }, stopAfter = Number.POSITIVE_INFINITY): OpenTrials {
  return async (_, { defaults }) => {
    const outputOf = async (setting: FileSetting, rows: number) => {
      const weights: Record<string, Float32Array> = {}
      for (const [name, value] of Object.entries({ ...defaults, ...setting }))
        weights[name] =
          'path' in value ? new Float32Array(new Uint8Array(await readFile(value.path)).buffer) : (value.data as Float32Array)
      const { a, b, c } = weights as { a: Float32Array; b: Float32Array; c: Float32Array }
      return product(
        product(
          data.x!.data.subarray(0, 4 * rows) as Float32Array,
          a.map((w, i) => w + b[i]!),
        ),
        c,
      )
    }
    return {
      async losses(settings: readonly FileSetting[], { share = 1 }) {
        if (rounds.count >= stopAfter) throw new Error('stopped')
        rounds.count += settings.length
        const rows = Math.max(1, Math.round(8 * share))
        const whole = await outputOf({}, rows)
        const losses: number[] = []
        for (const setting of settings) {
          const own = await outputOf(setting, rows)
          losses.push(own.reduce((sum, value, i) => sum + (value - whole[i]!) ** 2, 0) / own.length)
        }
        return losses
      },
      async [Symbol.asyncDispose]() {},
    }
  }
}

/** State in memory and in files of its own. */
function keeping(name: string) {
  const scores = new Map<string, number>()
  const paths = new Map<string, string>()
  const written: string[] = []
  const open: OpenSearch = async () => ({
    scores: new Map(scores),
    seconds: 0,
    find: async (level) => paths.get(level),
    async keep(level, bytes) {
      written.push(level)
      const path = join(folder, `${name}-${paths.size}`)
      await writeFile(path, bytes)
      paths.set(level, path)
      return path
    },
    async record(more) {
      for (const [trial, score] of more) scores.set(trial, score)
    },
    async [Symbol.asyncDispose]() {},
  })
  return { open, written, scores }
}

const step = (search: SearchOptions, more: Partial<PruneStep> = {}): PruneStep => ({
  ...{ structure: masking({ kind: 'free' }), criterion: magnitude, target: { sparsity: 0.5 } },
  allocation: { search },
  ...more,
})

async function planned(own: PruneStep, trials: OpenTrials, search: OpenSearch, more: Partial<PlanOptions> = {}) {
  const facts: SearchFacts[] = []
  const options = {
    seed: 1,
    forward: forwardOver(data),
    trials,
    search,
    onSearch: (each: SearchFacts) => void facts.push(each),
    ...more,
  }
  const { steps } = await makePlan(model(), [own], options)
  const [mask] = steps
  if (mask?.kind !== 'mask') throw new Error('no mask')
  return { steps, facts: facts[0]!, counts: Object.fromEntries(mask.weights.map(({ id, masked }) => [id, masked])) }
}

const SEARCH = { trials: 120, levels: 5, step: 0.125 }

test('more goes of the weight that the output hears least of, and the total is what was asked for', async () => {
  const rounds = { count: 0 }
  const { counts, facts } = await planned(step(SEARCH), comparing(rounds), keeping('least').open)
  expect(counts.a! + counts.b! + counts.c!).toBe(24)
  expect(counts.b).toBe(12)
  expect(facts).toMatchObject({ around: 'uniform', levels: 15 })
  expect(facts.trials).toBeLessThanOrEqual(120)
  const [first] = facts.best
  expect(first).toMatchObject({ trial: 1, from: 'start' })
  const scores = facts.best.map(({ score }) => score)
  expect([...scores].sort((a, b) => b - a)).toEqual(scores)
})

test('a plan of a search is a plan of its counts: it replays without data', async () => {
  const { steps, counts } = await planned(step(SEARCH), comparing({ count: 0 }), keeping('replay').open)
  const again = await makePlan(model(), [step(SEARCH, { allocation: { counts } })], { seed: 1 })
  expect(steps).toEqual(again.steps)
  expect(await zerosIn(await applyPlan(model(), { seed: 1, steps }))).toEqual(counts)
})

async function zerosIn(pruned: Model): Promise<Readonly<Record<string, number>>> {
  const zeros: Record<string, number> = {}
  for (const { id, tensor } of weightsOf(pruned))
    zeros[id] = new Float32Array((await readAll(tensor.data)).buffer).reduce((sum, w) => sum + Number(w === 0), 0)
  return zeros
}

test.each([
  magnitude,
  wanda,
])('stopped and begun again, it ends as one that was not, and does nothing twice: $name', async (criterion) => {
  const own = step(SEARCH, { criterion, scope: 'tensor' })
  const whole = { rounds: { count: 0 }, state: keeping(`whole ${criterion.name}`) }
  const expected = await planned(own, comparing(whole.rounds), whole.state.open)
  const [rounds, state] = [{ count: 0 }, keeping(`parts ${criterion.name}`)]
  for (const after of [1, 8, 15]) await expect(planned(own, comparing(rounds, after), state.open)).rejects.toThrow('stopped')
  const { facts, steps } = await planned(own, comparing(rounds), state.open)
  expect(steps).toEqual(expected.steps)
  expect({ ...facts, seconds: 0 }).toEqual({ ...expected.facts, seconds: 0 })
  expect(rounds.count).toBe(whole.rounds.count)
  expect(state.scores).toEqual(whole.state.scores)
  expect(new Set(state.written).size).toBe(state.written.length)
})

test('the same seed gives the same search', async () => {
  const [one, two] = [keeping('one'), keeping('two')]
  const first = await planned(step(SEARCH), comparing({ count: 0 }), one.open)
  expect((await planned(step(SEARCH), comparing({ count: 0 }), two.open)).facts.best).toEqual(first.facts.best)
  expect([...two.scores]).toEqual([...one.scores])
})

test('when its time is over no further round begins', async () => {
  const rounds = { count: 0 }
  const { facts } = await planned(step({ levels: 5, step: 0.125, minutes: 1e-9 }), comparing(rounds), keeping('minutes').open)
  expect({ made: rounds.count, trials: facts.trials }).toEqual({ made: 1, trials: 1 })
})

test('values that are kept are what the step makes of a weight with so many zeros', async () => {
  const state = keeping('values')
  await planned(step(SEARCH), comparing({ count: 0 }), state.open)
  const opened = await state.open('')
  const bytes = await readFile((await opened.find('a 8'))!)
  const kept = [...new Float32Array(new Uint8Array(bytes).buffer)]
  const a = [...new Float32Array((await readAll(weightsOf(model())[0]!.tensor.data)).buffer)]
  const border = [...a].sort((x, y) => x - y)[7]!
  expect(kept.filter((w) => w === 0)).toHaveLength(8)
  for (const [i, w] of kept.entries()) if (w !== 0) expect([w, w >= border]).toEqual([a[i], true])
})

test('what it lacks, and what is out of range, is said', async () => {
  await expect(makePlan(model(), [step({})], { seed: 1 })).rejects.toThrow(
    'allocation search tries models out on calibration data, and there are none',
  )
  for (const [search, what] of [
    [{ levels: 4 }, 'levels is 4; an odd number from 3 on'],
    [{ step: 1 }, 'step is 1; a number above 0 and below 1'],
    [{ trials: 0 }, 'trials is 0; a whole number from 1 on'],
    [{ minutes: 0 }, 'minutes is 0; a number above 0'],
  ] as const)
    await expect(makePlan(model(), [step(search)], { seed: 1 })).rejects.toThrow(what)
})
