import { editTensor, leadingTo, type Model, makePayload, PareError, withTensors } from '@pare/onnx'
import { separateVectors } from './graph/separate.js'
import { trainableTensors } from './graph/trainable.js'
import type { BlockLoss } from './losses.js'
import type { RetrainOptions, RetrainResult, TrainedTensor } from './retrain-once.js'

type Once = (model: Model, options: RetrainOptions & { readonly block: BlockLoss }) => Promise<RetrainResult>

/**
 * Trains what lies between hidden values, one after another, each to give its value as the teacher does: gradients go through one block only. Later blocks meet what earlier ones give once they
 * are trained. Each block has an equal share of the steps. Throws PareError where a hidden value depends on no parameter that those before it do not depend on.
 */
export async function retrainBlocks(model: Model, options: RetrainOptions, once: Once): Promise<RetrainResult> {
  const { distill, steps, epochs, state, ...others } = options
  const hidden = distill?.hidden ?? []
  const { model: separated, added } = separateVectors(model)
  const trained = new Map<string, TrainedTensor>()
  const runs: RetrainResult[] = []
  let current = separated
  for (const [i, pair] of hidden.entries()) {
    const include = await weightsBehind(
      separated,
      pair[1],
      hidden.slice(0, i).map(([, own]) => own),
    )
    if (include.length === 0) throw nothingBetween(pair[1])
    const share =
      steps === undefined ? { epochs: (epochs ?? DEFAULT_EPOCHS) / hidden.length } : { steps: Math.ceil(steps / hidden.length) }
    const path = state === undefined ? {} : { state: `${state}-${i + 1}` }
    const run = await once(current, { ...others, ...share, ...path, include, distill: distill!, block: { hidden: pair } })
    for (const tensor of run.tensors) {
      const copy = added.get(tensor.id)
      trained.set(tensor.id, { ...tensor, ...(copy && { of: copy.of, readers: [copy.reader] }) })
    }
    current = applied(current, run.tensors)
    runs.push(run)
    if (run.ended === 'stopped') break
  }
  return together(runs, [...trained.values()])
}

const DEFAULT_EPOCHS = 3

function applied(model: Model, tensors: readonly TrainedTensor[]): Model {
  const values = new Map(tensors.map((tensor) => [tensor.id, tensor.values]))
  return withTensors(model, (tensor, id) => {
    const own = values.get(id)
    if (own === undefined) return tensor
    return editTensor(tensor, { data: makePayload(new Uint8Array(own.buffer, own.byteOffset, own.byteLength)) })
  })
}

/** Steps count on from block to block; what is best is best of each. */
function together(runs: readonly RetrainResult[], tensors: readonly TrainedTensor[]): RetrainResult {
  let before = 0
  const curve = runs.flatMap((run) => {
    const points = run.curve.map((point) => ({ ...point, step: before + point.step }))
    before += run.steps
    return points
  })
  const sum = (of: (run: RetrainResult) => number) => runs.reduce((total, run) => total + of(run), 0)
  const last = runs.at(-1)!
  return {
    ...last,
    ...{ tensors, curve, steps: before },
    best: { ...last.best, step: before - last.steps + last.best.step },
    zeros: {
      before: sum((run) => run.zeros.before),
      after: sum((run) => run.zeros.after),
      elements: sum((run) => run.zeros.elements),
    },
    peakMemoryBytes: Math.max(...runs.map((run) => run.peakMemoryBytes)),
  }
}

/** Names of the parameters by which `value` depends on what is before it: those of nodes that lead to it and do not lead to one of `before`. */
async function weightsBehind(model: Model, value: string, before: readonly string[]): Promise<string[]> {
  const earlier = leadingTo(model.graph, before)
  const own = leadingTo(model.graph, [value])
  return (await trainableTensors(model)).map(({ id }) => id).filter((id) => own.has(id) && !earlier.has(id))
}

function nothingBetween(value: string): PareError {
  return new PareError(`retrain: '${value}' depends on no parameter that the hidden values before it do not depend on.`, {
    hint: 'name hidden values in the order of the model, each behind a layer of its own.',
  })
}
