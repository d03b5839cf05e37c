import { blamed, type Members, type PluginOrigin, pluginFault, refuseStray } from '@pare/onnx'
import { SCOPES } from '../choices.js'
import type {
  AnyCriterion,
  Criterion,
  MaskCriterion,
  Ops,
  Solution,
  Solver,
  Statistic,
  TracedValue,
  UnitCriterion,
  UnitGroup,
  WeightProblem,
} from '../contract/contract.js'
import { isGuarded, withMembers } from './with-members.js'

/** The criterion, with everything that it gives checked against the contract: what is wrong is told as its fault. */
export function guardCriterion(criterion: AnyCriterion, origin: PluginOrigin): AnyCriterion {
  if (isGuarded(criterion)) return criterion
  const { kind = 'elements' } = criterion
  if (!Object.hasOwn(MEMBERS, kind))
    throw pluginFault(origin, { problem: `its kind is ${shown(kind)}`, expected: `one of ${Object.keys(MEMBERS).join(', ')}` })
  refuseStray(origin, { what: 'it', value: criterion, members: MEMBERS[kind] })
  if ('needs' in criterion) checkNeeds(criterion.needs, origin)
  if ('scope' in criterion && criterion.scope !== undefined && !SCOPES.includes(criterion.scope))
    throw pluginFault(origin, { problem: `its scope is ${shown(criterion.scope)}`, expected: `one of ${SCOPES.join(', ')}` })
  switch (criterion.kind) {
    case 'solver':
      return withMembers(criterion, { solve: solving(criterion, origin) })
    case 'units':
      return withMembers(criterion, { score: scoring(criterion, origin) })
    case 'mask':
      return withMembers(criterion, { zeros: masking(criterion, origin) })
    default:
      return withMembers(criterion, { needs: tracedNeeds(criterion.needs, origin), saliency: tracing(criterion, origin) })
  }
}

const MEMBERS: { readonly [Kind in NonNullable<AnyCriterion['kind']>]: Readonly<Record<string, true>> } = {
  elements: {
    ...{ kind: true, name: true, needs: true, scope: true, readersOnly: true, saliency: true },
  } satisfies Members<Criterion>,
  solver: {
    ...{ kind: true, name: true, needs: true, scope: true, refits: true, rounds: true, solve: true },
  } satisfies Members<Solver>,
  units: {
    ...{ kind: true, name: true, data: true, jointly: true, weighsByLoss: true, score: true },
  } satisfies Members<UnitCriterion>,
  mask: { kind: true, name: true, zeros: true, check: true } satisfies Members<MaskCriterion>,
}
const STATISTIC: Members<Statistic> = { at: true, of: true, reduce: true }
const SOLUTION: Members<Solution> = { weight: true, notes: true }

function checkNeeds(needs: Readonly<Record<string, Statistic>>, origin: PluginOrigin): void {
  for (const [key, statistic] of Object.entries(needs)) {
    const { at, reduce } = statistic ?? {}
    if (!PLACES.includes(at))
      throw pluginFault(origin, { problem: `needs.${key}.at is ${shown(at)}`, expected: `one of ${PLACES.join(', ')}` })
    if (!REDUCTIONS.includes(reduce))
      throw pluginFault(origin, {
        problem: `needs.${key}.reduce is ${shown(reduce)}`,
        expected: `one of ${REDUCTIONS.join(', ')}`,
      })
    refuseStray(origin, { what: `needs.${key}`, value: statistic, members: STATISTIC })
  }
}

const PLACES: readonly Statistic['at'][] = ['input', 'output', 'gradient']
const REDUCTIONS: readonly Statistic['reduce'][] = ['mean', 'max', 'variance', 'gram']

function tracing(criterion: Criterion, origin: PluginOrigin): Criterion['saliency'] {
  return ({ weight, stats }, ops) =>
    traced(origin, 'saliency', () =>
      criterion.saliency({ weight, stats: named(stats, 'stats', origin) }, named(ops, 'ops', origin) as unknown as Ops),
    )
}

function tracedNeeds(needs: Criterion['needs'], origin: PluginOrigin): Criterion['needs'] {
  return Object.fromEntries(
    Object.entries(needs).map(([key, statistic]) => {
      if (statistic.of === undefined) return [key, statistic]
      const of: Statistic['of'] = (value, ops) =>
        traced(origin, `needs.${key}.of`, () => statistic.of!(value, named(ops, 'ops', origin) as unknown as Ops))
      return [key, { ...statistic, of }]
    }),
  )
}

function traced(origin: PluginOrigin, what: string, call: () => TracedValue): TracedValue {
  const value: unknown = blamed(origin, what, call)
  const { expression } = (value ?? {}) as Partial<TracedValue>
  if (typeof expression?.op === 'string') return value as TracedValue
  throw pluginFault(origin, { problem: `${what} gave ${shown(value)}`, expected: 'a value made by ops, such as ops.abs(weight)' })
}

/** The object; what it does not have is told with what it has. */
function named<Value extends object>(value: Value, name: string, origin: PluginOrigin): Value {
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'string' && !Object.hasOwn(target, key))
        throw pluginFault(origin, {
          problem: `it asks for ${name}.${key}`,
          expected: `one of ${Object.keys(target).join(', ') || 'none, since needs is empty,'}`,
        })
      return Reflect.get(target, key)
    },
  })
}

function solving(solver: Solver, origin: PluginOrigin): Solver['solve'] {
  return async (problem) => {
    const before = Object.values(problem.stats).map(sumOf)
    const solution = await blamed(origin, 'solve', async () => solver.solve(problem))
    checkSolution(solution, problem, origin)
    const changed = Object.keys(problem.stats).find((_, i) => !Object.is(sumOf(Object.values(problem.stats)[i]!), before[i]))
    if (changed === undefined) return solution
    throw pluginFault(origin, {
      problem: `solve changed stats.${changed} of '${problem.id}'`,
      expected: 'a copy of it, since other weights share it,',
    })
  }
}

function checkSolution(
  solution: Solution | undefined,
  { id, weight, pattern, zeros, kept }: WeightProblem,
  origin: PluginOrigin,
): void {
  const fault = (problem: string, expected: string) => pluginFault(origin, { problem: `solve gave '${id}' ${problem}`, expected })
  const solved: unknown = solution?.weight
  if (!(solved instanceof Float32Array) || !Array.isArray(solution?.notes))
    throw fault(shown(solution), '{ weight: Float32Array, notes: [] }')
  if (solved.length !== weight.length) throw fault(`${solved.length} weights`, `${weight.length}`)
  refuseStray(origin, { what: `what solve gave '${id}'`, value: solution, members: SOLUTION })
  const at = solved.findIndex((value) => !Number.isFinite(value))
  if (at >= 0) throw fault(`${solved[at]} at element ${at}`, 'a finite number')
  const count = solved.reduce((sum, value) => sum + Number(value === 0), 0)
  if (kept === undefined && pattern.kind === 'free' && count < zeros) throw fault(`${count} zeros`, `at least ${zeros}`)
  const revived = kept?.findIndex((stays, i) => stays === 0 && solved[i] !== 0) ?? -1
  if (revived >= 0) throw fault(`${solved[revived]} at element ${revived}, which its mask removes`, '0')
}

const sumOf = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0)

function scoring(criterion: UnitCriterion, origin: PluginOrigin): UnitCriterion['score'] {
  return async (groups, probe) => {
    const scores = await blamed(origin, 'score', async () => criterion.score(groups, probe))
    checkScores(scores, groups, origin)
    return scores
  }
}

function checkScores(scores: unknown, groups: readonly UnitGroup[], origin: PluginOrigin): void {
  if (!Array.isArray(scores) || scores.length !== groups.length)
    throw pluginFault(origin, {
      problem: `score gave ${Array.isArray(scores) ? `scores for ${scores.length} groups` : shown(scores)}`,
      expected: `a Float64Array for each of ${groups.length} groups`,
    })
  for (const [i, { id, units }] of groups.entries()) {
    const own: unknown = scores[i]
    const expected = `${units} numbers in a Float64Array, one for each unit,`
    if (!(own instanceof Float64Array)) throw pluginFault(origin, { problem: `score gave '${id}' ${shown(own)}`, expected })
    if (own.length !== units) throw pluginFault(origin, { problem: `score gave '${id}' ${own.length} numbers`, expected })
    const at = own.findIndex(Number.isNaN)
    if (at >= 0) throw pluginFault(origin, { problem: `score gave unit ${at} of '${id}' NaN`, expected: 'a number' })
  }
}

function masking(criterion: MaskCriterion, origin: PluginOrigin): MaskCriterion['zeros'] {
  return async (weight) => {
    const bits: unknown = await blamed(origin, 'zeros', async () => criterion.zeros(weight))
    if (bits === undefined || bits instanceof Uint8Array) return bits
    throw pluginFault(origin, {
      problem: `zeros gave '${weight.id}' ${shown(bits)}`,
      expected: 'a Uint8Array of bits, or undefined,',
    })
  }
}

/** A value in a sentence. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`
  const text = value instanceof Promise ? 'a promise' : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}
