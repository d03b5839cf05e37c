import {
  editGraph,
  editModel,
  editNode,
  GraphWriter,
  type Model,
  makeTensor,
  type Node,
  readAll,
  type Tensor,
  usesOf,
  valuesOf,
  withoutDead,
} from '@pare/onnx'

/** How weights of MatMul, Gemm and Conv are stored, and what they are multiplied with. */
export type Form =
  /** int8 behind DequantizeLinear, with activations of 8 bits. */
  | 'qdq per tensor'
  | 'qdq per channel'
  /** uint8 with a zero point behind DequantizeLinear; activations stay floats. */
  | 'weights alone'
  /** DynamicQuantizeLinear, MatMulInteger, Cast, Mul. */
  | 'dynamic'
  /** uint4 in blocks of 16. */
  | 'blocks'

/** What exporters make of a float model, with numbers of our own choosing: tests need no better ones. */
export async function quantise(model: Model, form: Form): Promise<Model> {
  const { graph } = model
  const { constants } = usesOf(graph)
  const writer = new GraphWriter(graph, 'quantised')
  const stored: Tensor[] = []
  const rewritten = new Map<string, string>()
  for (const node of graph.nodes) {
    const weight = constants.get(node.inputs[1] ?? '')
    if (!FORMS[form].includes(node.op) || weight === undefined || weight.shape.length < 2 || weight.type !== 'float32')
      writer.nodes.push(node)
    else await write(node, weight)
  }
  const initializers = [...graph.initializers, ...writer.constants, ...stored]
  const quantised = editModel(model, {
    opsets: new Map([...model.opsets, ['com.microsoft', 1]]),
    graph: editGraph(graph, { nodes: writer.nodes, initializers, values: [] }),
  })
  return withoutDead(model, quantised)

  async function write(node: Node, weight: Tensor): Promise<void> {
    const values = valuesOf('float32', await readAll(weight.data)) as Float32Array
    const [x, name] = [node.inputs[0]!, `${node.inputs[1]}_q`]
    if (form === 'blocks') return void stored.push(writeBlocks(node, { x, name, weight, values }, writer))
    const axis = node.op === 'MatMul' ? 1 : 0
    const { scales, codes, zero } = coded(values, weight.shape, form === 'qdq per tensor' ? undefined : axis, form)
    const scale = form === 'qdq per tensor' ? writer.floats([], scales) : writer.floats([scales.length], scales)
    const type = form === 'weights alone' ? 'uint8' : 'int8'
    const point = makeTensor({
      name: `${name}_z`,
      type,
      shape: form === 'qdq per tensor' ? [] : [scales.length],
      values: scales.map(() => zero),
    })
    if (!rewritten.has(name)) stored.push(makeTensor({ name, type, shape: weight.shape, values: codes }), point)
    if (form === 'dynamic') {
      const [q, s, z] = writer.outputs('DynamicQuantizeLinear', [x], {}, { outputs: 3 }) as [string, string, string]
      const sums = writer.node('MatMulInteger', [q, name, z, point.name])
      const float = writer.node('Cast', [sums], { to: 1n })
      writer.write('Mul', [float, writer.node('Mul', [s, scale])], node.outputs)
    } else {
      const floats = writer.node(
        'DequantizeLinear',
        [name, scale, point.name],
        form === 'qdq per tensor' ? {} : { axis: BigInt(axis) },
      )
      const input = form === 'weights alone' ? x : activation(x)
      writer.nodes.push(editNode(node, { inputs: [input, floats, ...node.inputs.slice(2)] }))
    }
    rewritten.set(name, name)
  }

  /** Rounded to steps of 1/16, from −8 on. */
  function activation(x: string): string {
    const scale = writer.floats([], [1 / 16])
    const zero = 'activations_z'
    if (!stored.some((tensor) => tensor.name === zero))
      stored.push(makeTensor({ name: zero, type: 'uint8', shape: [], values: [128] }))
    return writer.node('DequantizeLinear', [writer.node('QuantizeLinear', [x, scale, zero]), scale, zero])
  }
}

/** MatMulNBits in the place of a product: uint4 around 8, a scale for each 16 of a column. */
function writeBlocks(
  node: Node,
  { x, name, weight, values }: { x: string; name: string; weight: Tensor; values: Float32Array },
  writer: GraphWriter,
): Tensor {
  const [k, n] = weight.shape as [number, number]
  const blocks = k / 16
  const scales = new Float32Array(n * blocks)
  const bytes = new Uint8Array((n * k) / 2)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < k; j++) {
      const at = i * blocks + Math.floor(j / 16)
      scales[at] = Math.max(scales[at]!, Math.abs(values[j * n + i]!) / 7)
    }
  for (let i = 0; i < n; i++)
    for (let j = 0; j < k; j++) {
      const scale = scales[i * blocks + Math.floor(j / 16)]! || 1
      const code = Math.round(values[j * n + i]! / scale) + 8
      bytes[(i * k + j) >> 1]! |= code << (4 * (j % 2))
    }
  const sizes = { K: BigInt(k), N: BigInt(n), bits: 4n, block_size: 16n }
  writer.write('MatMulNBits', [x, name, writer.floats([n * blocks], scales)], node.outputs, sizes, 'com.microsoft')
  return makeTensor({ name, type: 'uint8', shape: [n, blocks, 8], values: bytes })
}

const FORMS: Readonly<Record<Form, readonly string[]>> = {
  'qdq per tensor': ['MatMul', 'Gemm', 'Conv'],
  'qdq per channel': ['MatMul', 'Gemm', 'Conv'],
  'weights alone': ['MatMul', 'Gemm', 'Conv'],
  dynamic: ['MatMul'],
  blocks: ['MatMul'],
}

/** Symmetric with 127 steps on either side, or around a zero point of 100. */
function coded(values: Float32Array, shape: readonly number[], axis: number | undefined, form: Form) {
  const inner = axis === undefined ? values.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const count = axis === undefined ? 1 : shape[axis]!
  const zero = form === 'weights alone' ? 100 : 0
  const of = (i: number) => Math.floor(i / inner) % count
  const scales = new Array<number>(count).fill(0)
  for (let i = 0; i < values.length; i++)
    scales[of(i)] = Math.max(scales[of(i)]!, Math.fround(Math.abs(values[i]!) / (zero || 127)))
  const codes = Array.from(values, (value, i) => Math.round(value / (scales[of(i)]! || 1)) + zero)
  return { scales: scales.map(Math.fround), codes, zero }
}
