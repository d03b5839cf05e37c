import { findMetric, writeMetric } from '@pare/evaluate'
import type { EvaluateConfig } from '../options/data.js'
import type { ModelPlan } from './model-plan.js'
import type { Proposal } from './proposal.js'

/** A config, as plain data, and what of it is not sure. */
export interface Draft {
  readonly prune: object
  readonly models: readonly DraftModel[]
  /** Lines for people. */
  readonly doubts: readonly string[]
  /** A preset that would cut the models. */
  readonly preset?: string
}

export interface DraftModel {
  readonly path: string
  readonly evaluate: EvaluateConfig
  readonly gate: object
}

/** What pruning is written. */
export type Pruning = 'half' | 'cnn' | 'transformer'

export interface DraftChoices {
  readonly models: readonly (ModelPlan & { readonly proposal?: Proposal })[]
  readonly pruning: Pruning
}

export async function draftOf({ models, pruning }: DraftChoices): Promise<Draft> {
  const own = await Promise.all(
    models.map(async ({ path, proposal }) => {
      const evaluate = proposal?.evaluate ?? { data: 'data/evaluate.npz', metric: 'accuracy' }
      return { path, evaluate, gate: await limitsFor(evaluate.metric) }
    }),
  )
  const preset = presetFor(models)
  return {
    prune: pruning === 'half' ? HALF : { preset: pruning },
    models: own.length > 0 ? own : [{ path: 'models/model.onnx', ...UNKNOWN }],
    doubts: [
      ...(models.length === 0 ? ['models: no .onnx file was found; put the path of yours into it.'] : []),
      ...models.flatMap(({ path, proposal }) =>
        proposal === undefined
          ? [`data: none was found that fits ${path}; put the path of yours into it.`]
          : proposal.doubts.map((doubt) => (models.length > 1 ? `${path}: ${doubt}` : doubt)),
      ),
    ],
    ...(preset !== undefined && pruning === 'half' && { preset }),
  }
}

const HALF = [{ structure: 'element', criterion: 'magnitude', target: { sparsity: 0.5 } }]
const UNKNOWN = { evaluate: { data: 'data/evaluate.npz', metric: 'accuracy' }, gate: { maxDrop: 0.01 } }

/** What the first metric may lose: what the gate allows where nobody says. */
async function limitsFor(metric: EvaluateConfig['metric']): Promise<object> {
  const first = (Array.isArray(metric) ? metric[0] : metric) ?? 'accuracy'
  const { bounded } = await findMetric(typeof first === 'string' ? first : writeMetric(first), {})
  return { maxDrop: bounded ? 0.01 : { relative: 0.01 } }
}

export function presetFor(models: readonly ModelPlan[]): Exclude<Pruning, 'half'> | undefined {
  const kinds = new Set(models.map(({ kind }) => kind))
  const [kind] = kinds
  return kinds.size === 1 && kind !== 'other' ? kind : undefined
}
