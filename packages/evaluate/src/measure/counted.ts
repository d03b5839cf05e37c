import { type Model, type NameScope, visitNodes } from '@pare/onnx'
import { tableRows } from '../data/rows/table-rows.js'

/** Integer inputs that count tokens of a cache: their values follow from the sizes of the others. */
export interface TokenCounter {
  /** 'total': tokens of the past and new ones; 'last': one less, the place of the last; 'ones': 1 for each, since all count. */
  readonly kind: 'total' | 'last' | 'ones'
  /** Input that holds the past, [batch, heads, tokens, headDim]. Absent: there is none. */
  readonly past?: string
}

/** Counts that grouped-query attention is given, by name of the input, also through Cast; with it, masks count all tokens. */
function countedInputs(model: Model): ReadonlyMap<string, TokenCounter> {
  const counted = new Map<string, TokenCounter>()
  const inputs = new Set(model.graph.inputs.map(({ name }) => name))
  visitNodes(model, ({ op, inputs: sources }, scope) => {
    if (op !== 'GroupQueryAttention') return
    const past = sourceOf(sources[3], scope)
    for (const [input, kind] of [
      [5, 'last'],
      [6, 'total'],
    ] as const) {
      const name = sourceOf(sources[input], scope)
      if (name !== undefined && inputs.has(name))
        counted.set(name, { kind, ...(past !== undefined && inputs.has(past) && { past }) })
    }
    for (const name of inputs) if (/mask/i.test(name)) counted.set(name, { kind: 'ones' })
  })
  return counted
}

function sourceOf(name: string | undefined, scope: NameScope): string | undefined {
  if (name === undefined || name === '') return undefined
  const producer = scope.producer(name)
  return producer?.op === 'Cast' ? sourceOf(producer.inputs[0], scope) : name
}

/** What the integer inputs of a model mean, as far as its graph tells. */
export function integersOf(model: Model): Integers {
  return { rows: tableRows(model), counted: countedInputs(model) }
}

export interface Integers {
  /** Rows of the tables that inputs index: their values stay below. */
  readonly rows: ReadonlyMap<string, number>
  /** Inputs that count tokens. */
  readonly counted: ReadonlyMap<string, TokenCounter>
}
