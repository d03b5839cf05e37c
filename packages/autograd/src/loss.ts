import { editModel, GraphWriter, type Model, makeValueInfo, PareError } from '@pare/onnx'
import type { LOSSES } from './choices.js'
import { lift } from './lift.js'

/**
 * 'cross-entropy': of classes, logits [batch, classes] against labels i64[batch], or [batch, seq, classes] against i64[batch, seq]. 'next-token': logits
 * [batch, seq, vocabulary] against token ids i64[batch, seq], each position against the id behind it. 'mse': against targets of the output's shape. 'kl':
 * KL(teacher ‖ model) of what is computed at temperature T, times T² (Hinton et al. 2015, arXiv 1503.02531), against the teacher's logits. 'output': the
 * output itself is the loss, its mean where it is more than one number.
 */
export type Loss = (typeof LOSSES)[number]

export interface LossOptions {
  readonly kind: Loss
  /** The value that is judged: an output, or any value in between. */
  readonly output: string
  /** What it is judged against: an input that the model has (token ids), else a new one of that name. Default: 'pare/target' */
  readonly target?: string
  /** A label that does not count. Default: −100 */
  readonly ignore?: number
  /** Of 'kl'. Default: 1 */
  readonly temperature?: number
  /** Default: 1 */
  readonly weight?: number
}

/** A model with a loss, the weighted sum of several, f32[]. */
export interface WithLoss {
  readonly model: Model
  /** Name of the output that is the loss. */
  readonly loss: string
  /** Outputs that hold each loss before it is weighted, in order. */
  readonly parts: readonly string[]
}

/** Appends losses to a model. Throws PareError where it has no value to judge. */
export function withLoss(model: Model, losses: readonly LossOptions[]): WithLoss {
  const lifted = lift(model)
  const { graph } = lifted
  const emit = new GraphWriter(graph, 'loss')
  const there = new Set([...graph.inputs.map(({ name }) => name), ...graph.nodes.flatMap(({ outputs }) => outputs)])
  const targets = new Map<string, 'int64' | 'float32'>()
  const parts = losses.map((options) => {
    if (!there.has(options.output)) {
      throw new PareError(`the loss is of '${options.output}', and the model has no such value.`, {
        hint: `name one of its outputs: '${graph.outputs.map(({ name }) => name).join("', '")}'.`,
      })
    }
    const target = options.target ?? 'pare/target'
    const isInteger = options.kind === 'cross-entropy' || options.kind === 'next-token'
    if (options.kind !== 'output' && !there.has(target)) targets.set(target, isInteger ? 'int64' : 'float32')
    return emit.node('Identity', [lossOf(emit, options, target)])
  })
  const weighted = parts.map((part, i) => {
    const weight = losses[i]!.weight ?? 1
    return weight === 1 ? part : emit.node('Mul', [part, emit.float(weight)])
  })
  const loss = weighted.length === 1 ? emit.node('Identity', [weighted[0]!]) : emit.node('Sum', weighted)
  const outputs = [...parts, loss].map((name) => makeValueInfo({ name }))
  const inputs = [...targets].map(([name, type]) => makeValueInfo({ name, type }))
  return {
    model: editModel(lifted, {
      graph: emit.addedTo(graph, { inputs: [...graph.inputs, ...inputs], outputs: [...graph.outputs, ...outputs] }),
    }),
    loss,
    parts,
  }
}

function lossOf(emit: GraphWriter, { kind, output, ignore = -100, temperature = 1 }: LossOptions, target: string): string {
  switch (kind) {
    case 'cross-entropy':
      return crossEntropy(emit, output, target, ignore)
    case 'next-token': {
      // Labels are the ids one position on; behind the last there is none.
      const next = emit.node('Slice', [target, emit.ints([1]), emit.ints([2 ** 31 - 1]), emit.ints([1])])
      const ids = emit.node('Cast', [next], { to: 7n })
      const pads = emit.ints([0, 0, 0, 1])
      return crossEntropy(emit, output, emit.node('Pad', [ids, pads, emit.ints(ignore)]), ignore)
    }
    case 'mse': {
      const away = emit.node('Sub', [output, shapedLike(emit, target, output)])
      return emit.node('ReduceMean', [emit.node('Mul', [away, away])], { keepdims: 0n })
    }
    case 'kl':
      return divergence(emit, output, target, temperature)
    case 'output':
      return emit.node('ReduceMean', [output], { keepdims: 0n })
    default:
      return kind satisfies never
  }
}

/** Of rows of classes: the mean of −log p(label). */
function crossEntropy(emit: GraphWriter, logits: string, labels: string, ignore: number): string {
  const classes = emit.node('Shape', [logits], { start: -1n })
  const rows = emit.node('Reshape', [logits, emit.node('Concat', [emit.ints([-1]), classes], { axis: 0n })])
  const flat = emit.node('Reshape', [labels, emit.ints([-1])])
  return emit.node('SoftmaxCrossEntropyLoss', [rows, flat], { ignore_index: BigInt(ignore), reduction: 'mean' })
}

/** A target's shape is that of what it is compared with, whatever is declared. */
function shapedLike(emit: GraphWriter, target: string, value: string): string {
  return emit.node('Reshape', [target, emit.node('Shape', [value])])
}

/** T² Σ p (log p − log q) / rows, p = softmax(teacher / T), q = softmax(model / T). */
function divergence(emit: GraphWriter, logits: string, teacher: string, temperature: number): string {
  const cooled = (value: string) => (temperature === 1 ? value : emit.node('Mul', [value, emit.float(1 / temperature)]))
  const [logP, logQ] = [shapedLike(emit, teacher, logits), logits].map((value) =>
    emit.node('LogSoftmax', [cooled(value)], { axis: -1n }),
  ) as [string, string]
  const terms = emit.node('Mul', [emit.node('Exp', [logP]), emit.node('Sub', [logP, logQ])])
  const each = emit.node('ReduceSum', [terms, emit.ints([-1])], { keepdims: 0n })
  const mean = emit.node('ReduceMean', [each], { keepdims: 0n })
  return temperature === 1 ? mean : emit.node('Mul', [mean, emit.float(temperature ** 2)])
}
