import { findCoupling, heldInPlace } from '@pare/axes'
import { type Model, PareError } from '@pare/onnx'
import { analyse } from '../analyse/analyse.js'
import { cpu } from '../backend/cpu.js'
import { randomStream } from '../backend/random.js'
import { precisionOf, sourceOf } from '../backend/stream.js'
import { trace } from '../backend/trace.js'
import { statisticsFor } from '../calibrate/statistics/statistics.js'
import type { AnyCriterion, Weight } from '../contract/contract.js'
import type { PlanOptions, PruneStep } from '../plan/plan.js'
import { columnsOf, type Judging, keptBy, MAGNITUDE } from './columns.js'
import { type Consumer, consumersOf } from './consumers.js'
import { type PermutationSearchOptions, searchOrder } from './search.js'
import type { PermutedGroup, PermuteStep } from './step.js'

/**
 * The orders of input channels in which the pattern of a structure keeps most saliency. Undefined where the structure asks for none, or no order is
 * better than the one that is there. Every group of units that may change places is searched on its own, judged by all weights that sum over them.
 */
export async function planPermutation(model: Model, step: PruneStep, options: PlanOptions): Promise<PermuteStep | undefined> {
  const { structure, criterion } = step
  if (structure.permute === undefined) return undefined
  const { weights, n, m } = patterned(model, step)
  if (weights.length === 0) return undefined
  const judging = await judgingOf(criterion, { model, weights }, options)
  const candidates = await searchable(model, weights, m)
  const groups: PermutedGroup[] = []
  for (const [i, { id, units, consumers }] of candidates.entries()) {
    const limits = { n, m, ...limitsFor(structure.permute, options, id) }
    const group = await searchGroup({ id, units, consumers }, limits, judging)
    if (group !== undefined) groups.push(group)
    options.onProgress?.({ done: i + 1, total: candidates.length })
  }
  if (groups.length === 0) return undefined
  checkMeasured(criterion, options)
  return { kind: 'permute', structure: structure.name, criterion: criterion.name, groups }
}

function patterned(model: Model, step: PruneStep): { weights: Weight[]; n: number; m: number } {
  const masks = step.structure.find(analyse(model, step)).groups.filter((group) => group.kind === 'mask')
  const targets = masks.flatMap(({ weight, pattern }) => (pattern.kind === 'nm' ? [{ weight, n: pattern.n, m: pattern.m }] : []))
  return { weights: targets.map(({ weight }) => weight), n: targets[0]?.n ?? 1, m: targets[0]?.m ?? 1 }
}

async function judgingOf(
  criterion: AnyCriterion,
  { model, weights }: { model: Model; weights: readonly Weight[] },
  options: PlanOptions,
): Promise<Judging> {
  const own = 'saliency' in criterion
  const statistics = own ? await statisticsFor(criterion, { model, weights }, options) : undefined
  const precision = precisionOf(weights)
  return {
    kernel: (options.backend ?? cpu).compile(own ? trace(criterion) : MAGNITUDE, precision),
    precision,
    progress: () => options.signal?.throwIfAborted(),
    sourceOf: (weight) => sourceOf(weight, options.seed, statistics?.of(weight)),
  }
}

interface Searchable {
  readonly id: string
  readonly units: number
  readonly consumers: readonly Consumer[]
}

async function searchable(model: Model, weights: readonly Weight[], m: number): Promise<Searchable[]> {
  const { groups, dependencies, atoms } = await findCoupling(model)
  const held = heldInPlace(model, dependencies)
  return groups.flatMap(({ id, units }) => {
    const atom = atoms.get(id)!
    if (units <= m || held(atom) !== undefined) return []
    const consumers = consumersOf(atom, { weights, constants: dependencies.constants, m })
    return consumers === undefined || consumers.length === 0 ? [] : [{ id, units, consumers }]
  })
}

/** Undefined where no better order was found. What was searched on some of the rows is judged by all of them. */
async function searchGroup(
  { id, units, consumers }: Searchable,
  limits: Omit<PermutationSearchOptions, 'tries'> & { readonly operations: number },
  judging: Judging,
): Promise<PermutedGroup | undefined> {
  const columns = await columnsOf(consumers, units, judging)
  const tries = Math.floor(limits.operations / (2 * columns.rows))
  const { order, ended } = searchOrder(columns, { ...limits, tries })
  const first = Int32Array.from({ length: units }, (_, i) => i)
  const { kept, all } = await keptBy([first, order], consumers, { judging, n: limits.n, m: limits.m })
  if (!(kept[1]! > kept[0]!)) return undefined
  return { id, units, order: [...order], kept: { before: kept[0]! / all, after: kept[1]! / all }, ended }
}

/** Operations of the search of one group: some seconds on one core. */
const OPERATIONS = 4e8

function limitsFor(permute: NonNullable<PruneStep['structure']['permute']>, { seed, signal }: PlanOptions, id: string) {
  const end = performance.now() + (permute.seconds ?? 60) * 1000
  return {
    operations: permute.operations ?? OPERATIONS,
    stream: randomStream(seed, `permute ${id}`),
    timeUp() {
      signal?.throwIfAborted()
      return performance.now() > end
    },
  }
}

function checkMeasured(criterion: AnyCriterion, { measured }: PlanOptions): void {
  if (measured === undefined || Object.keys('needs' in criterion ? criterion.needs : {}).length === 0) return
  throw new PareError(
    `criterion '${criterion.name}' was given statistics of the channels in their old order, and permute changes it.`,
    {
      hint: 'give the calibration data instead, or leave permute out.',
    },
  )
}
