import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyPlan, type Forward, makePlan, type PlanStep, type PruneStep, repair } from '@pare/core'
import { magnitude } from '@pare/criterion-magnitude'
import { sparsegpt } from '@pare/criterion-sparsegpt'
import { wanda } from '@pare/criterion-wanda'
import { type Model, openModel, readAll, valuesOf } from '@pare/onnx'
import { channel } from '@pare/structure-channel'
import { element } from '@pare/structure-element'
import { neuron } from '@pare/structure-neuron'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
// Of the jobs themselves: a process for each takes longer than most of them.
import { doJob } from '../../../evaluate/dist/jobs.js'
import { TEST_MODELS } from '../testing/folder.js'
import { forwardOver } from './forward.js'

const seed = 1
let temporary: string
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'pare-levels-'))
  // What is left behind lies there.
  vi.stubEnv('TMPDIR', temporary)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await rm(temporary, { recursive: true, force: true })
})

/** What models that run have to multiply. */
interface Work {
  products: number
}

const productsOf = ({ graph }: Model) => graph.nodes.filter(({ op }) => /^(MatMul|Gemm|Conv)$/.test(op)).length

/** The whole model, from its inputs on, for each level. */
function whole(forward: Forward, work: Work): Forward {
  const run: Forward = (model, options) => {
    work.products += productsOf(model)
    return forward(model, options)
  }
  return Object.assign(run, { fillsMask: forward.fillsMask ?? false })
}

/** Segment by segment. */
function segmented(forward: Forward, work: Work): Forward {
  const open: Forward['open'] = async (model, options) => {
    const relay = await forward.open!(model, options)
    return {
      crossings: relay.crossings,
      run(segment, run) {
        work.products += productsOf(segment)
        return relay.run(segment, run)
      },
      [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
    }
  }
  return Object.assign(whole(forward, work), { open })
}

async function updated(steps: readonly PlanStep[]): Promise<Map<string, ArrayLike<number>>> {
  const tensors = steps.flatMap((step) => (step.kind === 'update' ? step.tensors : []))
  const values = tensors.map(async ({ id, type, data }) => [id, valuesOf(type, await readAll(data)) as Float32Array] as const)
  return new Map(await Promise.all(values))
}

/** ‖a − b‖ ÷ ‖b‖ */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))
  return norm(Array.from(a, (value, i) => value - b[i]!)) / (norm(Array.from(b)) || 1)
}

function expectSame(one: ReadonlyMap<string, ArrayLike<number>>, other: ReadonlyMap<string, ArrayLike<number>>): void {
  expect(other.size).toBeGreaterThan(0)
  expect([...one.keys()]).toEqual([...other.keys()])
  for (const [id, values] of other) expect([id, distance(one.get(id)!, values) < 1e-3]).toEqual([id, true])
}

const dataOf = (name: string) => ({ data: join(TEST_MODELS, 'data', `${name}-calibrate.npz`), samples: 24 })
const open = (name: string) => openModel(join(TEST_MODELS, `${name}.onnx`))

describe('segment by segment comes to what running the whole model for each level gives', () => {
  const ratio = (structure: PruneStep['structure']): PruneStep => ({ structure, criterion: magnitude(), target: { ratio: 0.5 } })
  it.each<[string, string, PruneStep]>([
    ['kjv-bert', 'kjv', ratio(neuron())],
    ['mnist-resnet20-bn', 'mnist', { ...ratio(channel()), include: ['layers.7.*'] }],
  ])('repair of %s', { timeout: 300_000 }, async (name, data, step) => {
    await using file = await open(name)
    const { steps } = await makePlan(file.model, [step], { seed })
    const pruned = await applyPlan(file.model, { seed, steps })
    const forward = forwardOver(dataOf(data), { work: doJob })
    const works = [{ products: 0 }, { products: 0 }] as const
    const one = await repair(file.model, pruned, { steps, seed, forward: segmented(forward, works[0]) })
    const other = await repair(file.model, pruned, { steps, seed, forward: whole(forward, works[1]) })
    expectSame(await updated([one.step]), await updated([other.step]))
    const { step: _, ...counts } = other
    expect(one).toMatchObject(counts)
    // Each product twice at most: before it is repaired and after; the measuring ones come on top, the same in both.
    expect(works[0].products).toBeLessThan(works[1].products)
  })

  const sequential = { structure: element(), target: { sparsity: 0.5 }, sequential: true } as const
  it.each([
    ['kjv-bert', 'kjv', sparsegpt()],
    ['lm-llama', 'lm', sparsegpt()],
    ['mnist-mobilenet-bn', 'mnist', wanda()],
  ])('%s, pruned block by block', { timeout: 300_000 }, async (name, data, criterion) => {
    await using file = await open(name)
    const forward = forwardOver(dataOf(data), { work: doJob })
    const works = [{ products: 0 }, { products: 0 }] as const
    const plan = (of: Forward) => makePlan(file.model, [{ ...sequential, criterion }], { seed, forward: of })
    const one = await plan(segmented(forward, works[0]))
    const other = await plan(whole(forward, works[1]))
    const masked = ({ steps }: typeof one) => steps.flatMap((step) => (step.kind === 'mask' ? step.weights : []))
    expect(masked(one).map(({ id, masked }) => [id, masked])).toEqual(masked(other).map(({ id, masked }) => [id, masked]))
    if (criterion.kind === 'solver') expectSame(await updated(one.steps), await updated(other.steps))
    expect(works[0].products).toBeLessThan(works[1].products)
  })

  it('leaves nothing behind', async () => {
    expect(await readdir(temporary)).toEqual([])
  })
})
