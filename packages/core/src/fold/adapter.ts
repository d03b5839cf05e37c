import { isFloat, type Node, type Tensor } from '@pare/onnx'

/** What of a graph tells an adapter. */
export interface AdapterGraph {
  stored(name: string): Tensor | undefined
  /** Undefined for what is stored, and for inputs. */
  maker(name: string): Node | undefined
}

/**
 * Where a node adds a low-rank adapter to a weight, W + s·(B·A) (LoRA, 2021, arXiv 2106.09685): the input of the node that is W. Undefined for any other node.
 */
export function baseOfAdapter(node: Node, graph: AdapterGraph): number | undefined {
  if (node.op !== 'Add' || node.domain !== '' || node.inputs.length !== 2) return undefined
  const adapters = [0, 1].filter((input) => isAdapter(node.inputs[input]!, graph))
  return adapters.length === 1 ? 1 - adapters[0]! : undefined
}

/** s·(B·A) of stored B and A, in whatever order it is scaled, turned over and reshaped. */
function isAdapter(name: string, graph: AdapterGraph): boolean {
  const node = behindViews(name, graph)
  if (node === undefined || node.domain !== '') return false
  if (node.op === 'MatMul' || node.op === 'Gemm') return node.inputs.slice(0, 2).every((input) => isFactor(input, graph))
  if (node.op !== 'Mul' && node.op !== 'Div') return false
  const others = node.inputs.filter((input) => !isScale(input, graph))
  return others.length === 1 && isAdapter(others[0]!, graph)
}

/** A stored matrix that is smaller than the weight by its rank. */
function isFactor(name: string, graph: AdapterGraph): boolean {
  const tensor = graph.stored(name)
  if (tensor !== undefined) return isFloat(tensor.type) && tensor.shape.length === 2
  const node = graph.maker(name)
  if (node === undefined || node.domain !== '') return false
  if (VIEWS.has(node.op)) return isFactor(node.inputs[0] ?? '', graph)
  if (node.op !== 'Mul') return false
  const others = node.inputs.filter((input) => !isScale(input, graph))
  return others.length === 1 && isFactor(others[0]!, graph)
}

function isScale(name: string, graph: AdapterGraph): boolean {
  return graph.stored(name)?.shape.every((size) => size === 1) ?? false
}

function behindViews(name: string, graph: AdapterGraph): Node | undefined {
  const node = graph.maker(name)
  return node !== undefined && node.domain === '' && VIEWS.has(node.op) ? behindViews(node.inputs[0] ?? '', graph) : node
}

const VIEWS = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze'])
