import {
  type Attribute,
  dataTypeCode,
  dataTypeOf,
  editGraph,
  editModel,
  editNode,
  editTensor,
  elementCount,
  type Graph,
  type Model,
  makeAttribute,
  makeValueInfo,
  type Node,
  type Payload,
  type Tensor,
  type ValueInfo,
  valuesOf,
} from '@pare/onnx'

/**
 * The model with f32 in the place of halves (f16, bf16): weights hold the same numbers, and nothing is rounded to halves on the way. What ONNX Runtime
 * has no halves for on a CPU, it runs like this. The model itself where it has no halves.
 */
export function widen(model: Model): Model {
  const graph = widenGraph(model.graph)
  const functions = mapped(model.functions, (each) => {
    const nodes = mapped(each.nodes, widenNode)
    const defaults = mapped(each.defaults, widenAttribute)
    return nodes === each.nodes && defaults === each.defaults ? each : { ...each, nodes, defaults }
  })
  return graph === model.graph && functions === model.functions ? model : editModel(model, { graph, functions })
}

function widenGraph(graph: Graph): Graph {
  const nodes = mapped(graph.nodes, widenNode)
  const initializers = mapped(graph.initializers, widenTensor)
  const [inputs, outputs, values] = [graph.inputs, graph.outputs, graph.values].map((list) => mapped(list, widenValue)) as [
    Graph['inputs'],
    Graph['outputs'],
    Graph['values'],
  ]
  const same = nodes === graph.nodes && initializers === graph.initializers && values === graph.values
  if (same && inputs === graph.inputs && outputs === graph.outputs) return graph
  return editGraph(graph, { nodes, initializers, inputs, outputs, values })
}

function widenNode(node: Node): Node {
  const before = [...node.attributes]
  const after = mapped(before, (entry) => {
    const attribute = widenAttribute(entry[1])
    return attribute === entry[1] ? entry : ([entry[0], attribute] as [string, Attribute])
  })
  return after === before ? node : editNode(node, { attributes: new Map(after) })
}

/** Attributes that name an element type: of Cast and others, of random numbers, of QuantizeLinear. */
const TYPES = new Set(['to', 'dtype', 'output_dtype', 'stash_type'])

function widenAttribute(attribute: Attribute): Attribute {
  const { name } = attribute.proto
  switch (attribute.kind) {
    case 'int':
      return TYPES.has(name) && isHalf(dataTypeOf(Number(attribute.value)))
        ? makeAttribute(name, BigInt(dataTypeCode('float32')))
        : attribute
    case 'tensor': {
      const tensor = widenTensor(attribute.value)
      return tensor === attribute.value ? attribute : makeAttribute(name, tensor)
    }
    case 'graph': {
      const graph = widenGraph(attribute.value)
      return graph === attribute.value ? attribute : makeAttribute(name, graph)
    }
    default:
      return attribute
  }
}

function widenValue(value: ValueInfo): ValueInfo {
  return isHalf(value.type) ? makeValueInfo({ ...value, type: 'float32' }) : value
}

function widenTensor(tensor: Tensor): Tensor {
  const { type, data } = tensor
  return isHalf(type) ? editTensor(tensor, { type: 'float32', data: widened(type, data, elementCount(tensor.shape)) }) : tensor
}

type Half = 'float16' | 'bfloat16'

function isHalf(type: string | undefined): type is Half {
  return type === 'float16' || type === 'bfloat16'
}

/** f32 bytes of halves, whichever stretch of them is read. */
function widened(type: Half, halves: Payload, elements: number): Payload {
  return {
    byteLength: elements * 4,
    async read(target, offset) {
      const [first, last] = [Math.floor(offset / 4), Math.ceil((offset + target.byteLength) / 4)]
      const bytes = new Uint8Array((last - first) * 2)
      await halves.read(bytes, first * 2)
      const values = Float32Array.from(valuesOf(type, bytes) as Float32Array)
      target.set(new Uint8Array(values.buffer, offset - first * 4, target.byteLength))
    },
  }
}

/** `items` itself where nothing changed. */
function mapped<Item>(items: readonly Item[], change: (item: Item) => Item): readonly Item[] {
  const changed = items.map(change)
  return changed.every((item, i) => item === items[i]) ? items : changed
}
