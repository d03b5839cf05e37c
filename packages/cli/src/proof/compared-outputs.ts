import {
  attributesOf,
  dataTypeOf,
  editGraph,
  editModel,
  type Model,
  makeValueInfo,
  type Node,
  readBy,
  usesOf,
  type ValueInfo,
} from '@pare/onnx'

/**
 * The model with outputs by which it can be compared with another that rounds otherwise: in the place of an integer or bool that was chosen by floats
 * (ArgMax, TopK, a comparison …), what it was chosen by; in the place of a float that a function without weights made of another (Softmax, Clip …), the float
 * before it, whose size says what rounding may do. Integers that no such operator made stay. The model itself where there are none.
 */
export function withComparedOutputs(model: Model): Model {
  const { graph } = model
  const { producers } = usesOf(graph)
  const names = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name))
  const outputs = new Map<string, ValueInfo>()
  for (const output of graph.outputs) {
    if (isFloat(output.type)) {
      const before = beforeFlattening(output.name, producers)
      outputs.set(before, before === output.name || names.has(before) ? output : makeValueInfo({ name: before }))
      continue
    }
    const sources = sourcesOf(output.name, producers).filter((name) => !names.has(name))
    if (sources.length === 0) outputs.set(output.name, output)
    for (const name of sources) if (!outputs.has(name)) outputs.set(name, makeValueInfo({ name }))
  }
  const same = outputs.size === graph.outputs.length && graph.outputs.every(({ name }) => outputs.has(name))
  return same ? model : editModel(model, { graph: editGraph(graph, { outputs: [...outputs.values()] }) })
}

/** Functions without weights that map many numbers to nearly the same. */
const FLATTENS = new Set([
  ...['Softmax', 'LogSoftmax', 'Relu', 'Clip', 'HardSigmoid', 'Elu', 'Selu', 'Celu', 'Softplus', 'ThresholdedRelu', 'Erf'],
])

/** The value that came before such functions, or the value itself. */
function beforeFlattening(name: string, producers: ReadonlyMap<string, Node>): string {
  const node = producers.get(name)
  const [input = ''] = node?.inputs ?? []
  return node !== undefined && FLATTENS.has(node.op) && producers.has(input) ? beforeFlattening(input, producers) : name
}

/** Operators that make integers of floats by choosing: of numbers that are nearly equal come integers that are not. */
const CHOOSES = new Set([
  ...['ArgMax', 'ArgMin', 'TopK', 'NonMaxSuppression', 'Unique', 'QuantizeLinear', 'DynamicQuantizeLinear'],
  ...['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal'],
])

/** Operators that make integers or bools without looking at the size of floats. */
const COUNTS = new Set(['Shape', 'Size', 'NonZero', 'Not', 'And', 'Or', 'Xor', 'OneHot', 'IsNaN', 'IsInf'])

/** Inputs of the nearest operators before a value that choose. */
function sourcesOf(name: string, producers: ReadonlyMap<string, Node>): readonly string[] {
  const sources = new Set<string>()
  const visits = new Set<string>()
  const open = [name]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const node = producers.get(next)
    if (node === undefined || visits.has(next)) continue
    visits.add(next)
    if (chooses(node, producers)) sources.add(node.inputs[0]!)
    else open.push(...readBy(node))
  }
  return [...sources]
}

/** A Cast chooses where it makes an integer of a float. */
function chooses(node: Node, producers: ReadonlyMap<string, Node>): boolean {
  if (node.op !== 'Cast') return CHOOSES.has(node.op)
  const before = producers.get(node.inputs[0]!)
  if (before === undefined || makesFloat(node)) return false
  return before.op === 'Cast' ? makesFloat(before) : !CHOOSES.has(before.op) && !COUNTS.has(before.op)
}

function makesFloat(node: Node): boolean {
  const to = attributesOf(node).int('to')
  return to !== undefined && isFloat(dataTypeOf(to))
}

function isFloat(type: string | undefined): boolean {
  return type === undefined || /^b?float/.test(type)
}
