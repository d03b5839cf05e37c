import {
  attributesOf,
  editGraph,
  editModel,
  type Model,
  makeNode,
  makeTensor,
  type Node,
  readAll,
  type Tensor,
  valuesOf,
  visitNodes,
} from '@pare/onnx'

/**
 * The model with functions that keep apart what goes in, in the place of those that map many numbers to nearly the same: for a proof that a cut model computes
 * what the gated one does. Where a sigmoid is nearly 0, what is left of it is the rounding of the run time, and two right models differ by as much as they
 * hold; where a rectifier is 0, a wrong unit behind it is not seen. A cut is right for every function of single elements with the same value at 0, where
 * removed units are, so both models are given the slower one. With s(x) = x / (1 + |x|), which ONNX calls Softsign:
 *
 *     Sigmoid(x)  →  ½ + ½ · s(x)         Relu(x)              →  max(x, x/4)
 *     Tanh(x)     →  s(x)                 Clip(x, ≤ 0, a ≥ 0)  →  a · s(max(x, x/4) / a)
 *
 * Nested graphs stay as they are, and models with numbers in f64, for which ONNX Runtime lacks Softsign.
 */
export async function withoutSaturation(model: Model): Promise<Model> {
  const { graph } = model
  if (hasDoubles(model)) return model
  const limits = await limitsAroundZero(model)
  const constants: Tensor[] = []
  const nodes = graph.nodes.flatMap((node) => slower(node, { limit: limits.get(node), constant }) ?? [node])
  if (nodes.every((node, i) => node === graph.nodes[i])) return model
  return editModel(model, { graph: editGraph(graph, { nodes, initializers: [...graph.initializers, ...constants] }) })

  function constant(name: string, value: number): string {
    constants.push(makeTensor({ name, type: 'float32', shape: [], values: [value] }))
    return name
  }
}

interface Making {
  /** Of a Clip that has 0 between its limits: the upper one. */
  readonly limit: number | undefined
  /** Adds a constant to the graph. */
  readonly constant: (name: string, value: number) => string
}

/** What stands in the place of a node, undefined for the node itself. Values between are named after its output. */
function slower(node: Node, { limit, constant }: Making): readonly Node[] | undefined {
  if (node.domain !== '') return undefined
  const [x = ''] = node.inputs
  const [y = ''] = node.outputs
  const leaky = (output: string) => makeNode({ op: 'LeakyRelu', inputs: [x], outputs: [output], attributes: { alpha: 0.25 } })
  const softsign = (input: string, output: string) => makeNode({ op: 'Softsign', inputs: [input], outputs: [output] })
  const binary = (op: 'Add' | 'Mul' | 'Div', inputs: readonly [string, string], output: string) =>
    makeNode({ op, inputs, outputs: [output] })
  const between = (what: string) => `${y}/pare/${what}`
  switch (node.op) {
    case 'Tanh':
      return [softsign(x, y)]
    case 'Relu':
      return [leaky(y)]
    case 'Sigmoid': {
      const half = constant(between('half'), 0.5)
      const [sign, halved] = [between('sign'), between('halved')]
      return [softsign(x, sign), binary('Mul', [sign, half], halved), binary('Add', [halved, half], y)]
    }
    case 'Clip': {
      if (limit === undefined) return undefined
      if (limit === Number.POSITIVE_INFINITY) return [leaky(y)]
      const most = constant(between('most'), limit)
      const [bent, scaled, sign] = [between('bent'), between('scaled'), between('sign')]
      return [leaky(bent), binary('Div', [bent, most], scaled), softsign(scaled, sign), binary('Mul', [sign, most], y)]
    }
    default:
      return undefined
  }
}

/** Upper limits of those that have 0 between their limits, as ReLU6 has. */
async function limitsAroundZero(model: Model): Promise<ReadonlyMap<Node, number>> {
  const clips = new Map<Node, readonly (number | Tensor | undefined)[]>()
  visitNodes(model, (node, scope) => {
    if (node.op !== 'Clip' || node.domain !== '' || scope.path !== '') return
    const limits = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY].map((otherwise, i) => {
      const input = node.inputs[i + 1] ?? ''
      const limit = attributesOf(node).float(i === 0 ? 'min' : 'max')
      return limit ?? (input === '' ? otherwise : scope.constant(input)?.tensor)
    })
    clips.set(node, limits)
  })
  const around = new Map<Node, number>()
  for (const [node, [least, most]] of clips) {
    const limit = await numberOf(most)
    if ((await numberOf(least)) <= 0 && limit > 0) around.set(node, limit)
  }
  return around
}

/** NaN for what is no constant f32. */
async function numberOf(limit: number | Tensor | undefined): Promise<number> {
  if (typeof limit === 'number') return limit
  if (limit?.type !== 'float32') return Number.NaN
  return Number(valuesOf(limit.type, await readAll(limit.data))[0])
}

function hasDoubles({ graph }: Model): boolean {
  return [...graph.inputs, ...graph.outputs, ...graph.initializers].some(({ type }) => type === 'float64')
}
