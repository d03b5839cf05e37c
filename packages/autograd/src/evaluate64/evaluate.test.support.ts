import { type Model, readAll, type Tensor, valuesOf, withTensors } from '@pare/onnx'
import { arrange } from './arrange.test.support.js'
import { type Array64, array } from './array.test.support.js'
import { callOf, type Operators, Unsupported } from './call.test.support.js'
import { constant } from './constant.test.support.js'
import { convolution } from './convolution.test.support.js'
import { elementwise } from './elementwise.test.support.js'
import { gather } from './gather.test.support.js'
import { loss } from './loss.test.support.js'
import { matrix } from './matrix.test.support.js'
import { normalization } from './normalization.test.support.js'
import { pooling } from './pooling.test.support.js'
import { reduction } from './reduction.test.support.js'
import { resize } from './resize.test.support.js'

export const operators: Operators = {
  ...elementwise,
  ...matrix,
  ...convolution,
  ...pooling,
  ...normalization,
  ...reduction,
  ...gather,
  ...arrange,
  ...constant,
  ...resize,
  ...loss,
}

export type Feeds = Readonly<Record<string, Array64>>

/** Every value of the graph, computed in float64: the slow, obvious oracle. */
export async function evaluate64(model: Model, feeds: Feeds): Promise<Map<string, Array64>> {
  return (await evaluator(model))(feeds)
}

/** `evaluate64` for one model and any inputs: constants are read once. Feeds come before initializers of the same name. */
export async function evaluator(model: Model): Promise<(feeds: Feeds) => Map<string, Array64>> {
  const tensors = await constantsOf(model)
  const initializers = model.graph.initializers.map((tensor): [string, Array64] => [tensor.name, tensors.get(tensor)!])
  return (feeds) => {
    const values = new Map<string, Array64>([...initializers, ...Object.entries(feeds)])
    for (const node of model.graph.nodes) {
      const operator = operators[node.op]
      if (operator === undefined) throw new Unsupported(`no operator ${node.domain}.${node.op}`)
      const inputs = node.inputs.map((name) => {
        if (name !== '' && !values.has(name)) throw new RangeError(`'${name}', an input of ${node.op}, has no value`)
        return values.get(name)
      })
      const outputs = operator(callOf(node, model.opsets.get(node.domain) ?? 1, inputs, tensors))
      for (const [i, name] of node.outputs.entries()) {
        if (name === '') continue
        if (outputs[i] === undefined) throw new Unsupported(`output ${i} of ${node.op}`)
        values.set(name, outputs[i])
      }
    }
    return values
  }
}

async function constantsOf(model: Model): Promise<ReadonlyMap<Tensor, Array64>> {
  const list: Tensor[] = []
  withTensors(model, (tensor) => {
    list.push(tensor)
    return tensor
  })
  const read = async (tensor: Tensor): Promise<[Tensor, Array64]> => {
    if (tensor.type === 'string') throw new Unsupported('strings')
    const numbers = Float64Array.from(
      valuesOf(tensor.type, await readAll(tensor.data)) as ArrayLike<number | bigint> as ArrayLike<number>,
      Number,
    )
    return [tensor, array(tensor.shape, numbers, tensor.type)]
  }
  return new Map(await Promise.all(list.map(read)))
}
