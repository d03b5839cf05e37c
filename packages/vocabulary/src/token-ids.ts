import type { Dependencies } from '@pare/axes'
import { attributesOf, keyOf, type Model, type Node, PareError } from '@pare/onnx'

/** A constant that ids of tokens are compared with, such as the id of the padding. */
export interface ComparedIds {
  /** Key of the node. */
  readonly node: string
  readonly input: number
  readonly ids: readonly number[]
  readonly shape: readonly number[]
  readonly type: 'int32' | 'int64'
}

/** What reads ids of tokens in a model. */
export interface TokenIdReaders {
  /** Gather nodes that take rows of a table. */
  readonly tables: readonly Node[]
  readonly compared: readonly ComparedIds[]
}

const INPUTS = ['input_ids', 'decoder_input_ids']
/** Operators that give ids in another arrangement, by which inputs hold them. */
const ARRANGES = new Set(['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'Slice', 'Transpose', 'Expand'])
/** Operators to which new ids in the old order are as good as the old ones. */
const BLIND = new Set(['Shape', 'Size', 'ArgMax', 'ArgMin'])
/** In TensorProto. */
const INTEGERS: ReadonlyMap<number, ComparedIds['type']> = new Map([
  [6, 'int32'],
  [7, 'int64'],
])

/** Follows ids of tokens from the inputs to the tables, in a model whose branches are written out. Throws PareError where a node does with them what is not known to be the same with other ids. */
export function followIds({ graph }: Model, dependencies: Dependencies): TokenIdReaders {
  const inputs = graph.inputs.filter(({ name }) => INPUTS.includes(name))
  if (inputs.length === 0)
    throw new PareError(`no input of the model is called ${INPUTS.map((name) => `'${name}'`).join(' or ')}.`, {
      hint: 'a vocabulary belongs to a model that reads ids of tokens.',
    })
  const types = new Map(inputs.map(({ name, type }) => [name, type === 'int32' ? 'int32' : 'int64'] as const))
  const tables: Node[] = []
  const compared: ComparedIds[] = []
  for (const node of graph.nodes) {
    const read = node.inputs.flatMap((name, input) => (types.has(name) ? [input] : []))
    if (read.length === 0 || BLIND.has(node.op)) continue
    const arranged = typeAfter(node, read, types)
    if (arranged !== undefined) for (const name of node.outputs) types.set(name, arranged)
    else if (takesRows(node, read) && dependencies.axesAt(keyOf(node), 0) !== undefined) tables.push(node)
    else compared.push(comparedAt(node, read, { dependencies, types }))
  }
  return { tables, compared }
}

type Types = ReadonlyMap<string, ComparedIds['type']>

/** The type of ids after a node that only arranges them; undefined for other nodes. */
function typeAfter(node: Node, read: readonly number[], types: Types): ComparedIds['type'] | undefined {
  const { op, domain } = node
  if (domain !== '' || read.some((input) => input !== 0) || !ARRANGES.has(op)) return undefined
  return op === 'Cast' ? INTEGERS.get(attributesOf(node).int('to', 0)) : types.get(node.inputs[0]!)
}

function takesRows(node: Node, read: readonly number[]): boolean {
  return node.op === 'Gather' && read.every((input) => input === 1) && attributesOf(node).int('axis', 0) === 0
}

function comparedAt(
  node: Node,
  read: readonly number[],
  { dependencies, types }: { readonly dependencies: Dependencies; readonly types: Types },
): ComparedIds {
  const [from = 0] = read
  const input = 1 - from
  const ids = dependencies.numbers(node.inputs[input] ?? '')
  const axes = dependencies.axesAt(keyOf(node), input)
  if (node.op !== 'Equal' || read.length > 1 || ids === undefined || axes === undefined)
    throw new PareError(
      `${node.op} '${node.name || node.outputs[0]}' reads ids of tokens, and what it does with them is not known.`,
      {
        hint: 'with other ids it might do something else, so the vocabulary stays as it is.',
      },
    )
  return { node: keyOf(node), input, ids: [...ids], shape: axes.map(({ size }) => size), type: types.get(node.inputs[from]!)! }
}
