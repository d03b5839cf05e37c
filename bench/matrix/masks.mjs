// Judges masked models apart from core: every weight is what it was but for zeros, these are as many as is claimed, and they keep the pattern.
import { readAll, valuesOf, visitNodes } from '@pare/onnx'
import { runModel } from './runs.mjs'
import { operandsOf } from './weights.mjs'

/** { verdict: 'ok' | 'wrong', note, zeros } of a model whose elements were masked; `layers` is what the command says of them. */
export async function judgeMask({ original, masked, structure, layers, feeds }) {
  const [before, after] = [await operands(original), await operands(masked)]
  const whole = new Map(before.map((operand) => [operand.name, operand]))
  const folded = await foldedOperands({ original, after: after.filter(({ name }) => !whole.has(name)), feeds })
  for (const operand of folded) {
    whole.set(operand.name, operand)
    const { values } = after.find(({ name }) => name === operand.name)
    const other = values.findIndex((value, i) => value !== 0 && !isNear(value, operand.values[i]))
    if (other >= 0)
      return wrong(`element ${other} of the folded weight '${operand.name}' is neither zero nor what the graph computes`)
  }
  const computed = new Set(folded.map(({ name }) => name))
  for (const { before, after, name } of (await changedTensors(original, masked)).filter(({ name }) => !computed.has(name)))
    for (let i = 0; i < before.length; i++)
      if (before[i] !== after[i] && Number(after[i]) !== 0)
        return wrong(`element ${i} of '${name}' is neither zero nor what it was`)
  let zeros = 0
  let total = 0
  for (const operand of after) {
    const { name, values } = operand
    const layer = layers.find((each) => each.name === name)
    if (layer === undefined) continue
    const own = values.reduce((count, value) => count + (value === 0 ? 1 : 0), 0)
    if (Math.abs(own / values.length - layer.sparsity.after) > 1e-6)
      return wrong(`'${name}' has ${own} zeros of ${values.length}, and ${layer.sparsity.after} is claimed`)
    zeros += own
    total += values.length
    if (structure === 'nm' && !keepsTwoOfFour(operand)) return wrong(`'${name}' is not 2:4`)
    if (structure === 'tile' && whole.has(name) && !inTiles(whole.get(name), operand))
      return wrong(`a tile of '${name}' is zero in part`)
  }
  if (total === 0 && layers.length > 0) return { verdict: 'ok', note: 'its weights are not read directly', zeros }
  const share = zeros / total
  // What is ranked with weights of operators that are not looked at here says nothing of these alone.
  const areAll = layers.every(({ name }) => after.some((operand) => operand.name === name))
  if (structure === 'element' && areAll && total > 500 && Math.abs(share - 0.5) > 0.02)
    return wrong(`${share.toFixed(3)} of the elements are zero, and 0.5 was asked for`)
  return { verdict: 'ok', note: '', zeros }
}

/** Weights as nodes read them, stored or behind DequantizeLinear: { name, shape, values, axis }. */
async function operands({ graph }) {
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]))
  const decoded = new Map(
    graph.nodes.flatMap(({ op, inputs, outputs }) => (op === 'DequantizeLinear' ? [[outputs[0], inputs[0]]] : [])),
  )
  const found = new Map()
  for (const node of graph.nodes)
    for (const { input, axis, blocks } of operandsOf(node)) {
      const name = decoded.get(node.inputs[input]) ?? node.inputs[input]
      const tensor = tensors.get(name)
      if (tensor === undefined || axis === undefined || found.has(name) || !/^(float|int8)/.test(tensor.type)) continue
      const values = valuesOf(tensor.type, await readAll(tensor.data))
      const at = axis < 0 ? axis + tensor.shape.length : axis
      const isKernel = /Conv/.test(node.op)
      const groups = isKernel && at === blocks?.axis ? blocks.count : 1
      found.set(name, {
        name,
        read: node.inputs[input],
        maker: node.outputs[0],
        input,
        shape: asOne(tensor.shape, at, summed(node, input)),
        values,
        axis: at,
        isKernel,
        groups,
      })
    }
  return [...found.values()]
}

/** How many axes behind one another a node sums over. */
const summed = (node, input) => operandsOf(node).filter((operand) => operand.input === input).length

/** The shape with `count` axes from `at` on seen as one. */
const asOne = (shape, at, count) =>
  shape.toSpliced(at, count, ...(count === 0 ? [] : [shape.slice(at, at + count).reduce((a, b) => a * b, 1)]))

/** What the original computes where the masked model stores a weight. */
async function foldedOperands({ original, after, feeds }) {
  const nodes = new Map(original.graph.nodes.map((node) => [node.outputs[0], node]))
  const read = after.flatMap((operand) => {
    const name = nodes.get(operand.maker)?.inputs[operand.input]
    return name === undefined || original.graph.initializers.some((tensor) => tensor.name === name)
      ? []
      : [{ ...operand, computed: name }]
  })
  if (read.length === 0 || feeds instanceof Error) return []
  const [run] = await runModel(original, feeds.slice(0, 1), [...new Set(read.map(({ computed }) => computed))])
  return read.flatMap((operand) => {
    const value = run.get(operand.computed)
    return value.shape.join() === operand.shape.join() ? [{ ...operand, values: value.values }] : []
  })
}

const isNear = (a, b) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b))

/** Of each output, four inputs that follow one another are all zero or all what they were. Checked where nothing follows the axis of inputs. */
function inTiles(before, after) {
  const { shape, values, axis } = after
  const stride = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1)
  const isKernel = after.isKernel && axis === 1
  const size = isKernel ? shape[axis] * stride : shape[axis]
  const [lines, step] = isKernel ? [1, 1] : [stride, stride]
  if (after.isKernel && !isKernel) return true
  for (let o = 0; o < outer; o++)
    for (let line = 0; line < lines; line++)
      for (let from = 0; from < size; from += 4) {
        const places = Array.from(
          { length: Math.min(4, size - from) },
          (_, i) => o * shape[axis] * stride + (from + i) * step + line,
        )
        const gone = places.filter((i) => values[i] === 0 && before.values[i] !== 0).length
        if (gone > 0 && places.some((i) => values[i] !== 0)) return false
      }
  return true
}

const wrong = (note) => ({ verdict: 'wrong', note, zeros: 0 })

/** Of four inputs that follow one another, at most two, of every output; of what is left over at the end, at most two. */
function keepsTwoOfFour({ shape, values, axis, groups }) {
  const size = shape[axis] / groups
  const at = axis
  const stride = shape.slice(at + 1).reduce((a, b) => a * b, 1)
  const outer = shape.slice(0, at).reduce((a, b) => a * b, 1)
  if (size < 4) return true
  for (let o = 0; o < outer; o++)
    for (let s = 0; s < stride; s++)
      for (let from = 0; from < shape[at]; from += Math.min(4, size - (from % size))) {
        let kept = 0
        for (let i = from; i < Math.min(from + 4, from - (from % size) + size); i++)
          if (values[(o * shape[at] + i) * stride + s] !== 0) kept++
        if (kept > 2) return false
      }
  return true
}

/** Tensors of both models that hold other bytes. */
async function changedTensors(original, masked) {
  const [before, after] = [tensorsIn(original), tensorsIn(masked)]
  const changed = []
  for (const [key, tensor] of before) {
    const other = after.get(key)
    // What is folded into a weight stands under its name.
    if (other === undefined) continue
    if (other.type !== tensor.type || other.shape.join() !== tensor.shape.join()) continue
    const [one, two] = [await readAll(tensor.data), await readAll(other.data)]
    if (Buffer.compare(one, two) === 0) continue
    if (!/^(float|bfloat|int8)/.test(tensor.type)) continue
    const view = /16/.test(tensor.type)
      ? Uint16Array
      : /64/.test(tensor.type)
        ? BigUint64Array
        : tensor.type === 'int8'
          ? Int8Array
          : Uint32Array
    const words = (bytes) => new view(bytes.slice().buffer)
    changed.push({ before: words(one), after: words(two), name: tensor.name })
  }
  return changed
}

function tensorsIn(model) {
  const tensors = new Map(model.graph.initializers.map((tensor) => [tensor.name, tensor]))
  visitNodes(model, (node) => {
    const value = node.attributes.get('value')
    if (node.op === 'Constant' && value?.kind === 'tensor') tensors.set(`constant ${node.outputs[0]}`, value.value)
  })
  return tensors
}
