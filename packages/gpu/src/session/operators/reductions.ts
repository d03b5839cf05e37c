import { map, numberArray, reshape } from '../../arrays/compute.js'
import type { LazyArray } from '../../arrays/element.js'
import { normalise, type Reduction, reduce, softmax } from '../../arrays/rows.js'
import { broadcast, positions, reshaped, transposed } from '../../arrays/views.js'
import { LazyArithmetic } from './elementwise.js'
import { axisOf, input, numbersAt, numbersIn, type Operator, type RecordedCall, UnsupportedCall } from './recorded-call.js'

type Change = (x: LazyArray, arithmetic: LazyArithmetic) => LazyArray

/** Of all axes where none are named. `before` and `after` are computed with each element, and with each result. */
const reduction =
  (kind: Reduction, { before = (x) => x, after = (x) => x }: { before?: Change; after?: Change } = {}): Operator =>
  (call) => {
    const it = new LazyArithmetic(call)
    const x = input(call, 0)
    const named = numbersAt(call, 1, 'axes')
    if (named?.length === 0 && call.attributes.int('noop_with_empty_axes', 0) === 1) return x
    const axes = (named?.length ? named : x.dims.map((_, axis) => axis)).map((axis) => axisOf(axis, x.dims.length))
    return kept(call, { x, axes, y: after(reduce(call.recording, before(x, it), { kind, axes }), it) })
  }

/** With the reduced axes as axes of size 1, where the node asks for that. */
function kept(call: RecordedCall, { x, axes, y }: { x: LazyArray; axes: readonly number[]; y: LazyArray }): LazyArray {
  if (call.attributes.int('keepdims', 1) === 0) return y
  return reshape(
    call.recording,
    y,
    x.dims.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  )
}

const square: Change = (x, it) => it.multiply(x, x)

const softmaxOf =
  (logarithm: boolean): Operator =>
  (call) => {
    const x = input(call, 0)
    const axis = axisOf(call.attributes.int('axis', call.opset < 13 ? 1 : -1), x.dims.length)
    // Until version 13 all axes from this one on were one.
    const axes = call.opset < 13 ? x.dims.map((_, i) => i).slice(axis) : [axis]
    return softmax(call.recording, x, { axes, logarithm })
  }

/** Of axes from `axis` on, with scale and bias as inputs 1 and 2. */
function normalisation(kind: 'layer' | 'rms'): Operator {
  return (call) => {
    const x = input(call, 0)
    if (call.node.outputs.slice(1).some((name) => name !== '')) throw new UnsupportedCall(`${call.node.op} that gives its mean`)
    const axis = axisOf(call.attributes.int('axis', -1), x.dims.length)
    const axes = x.dims.map((_, i) => i).slice(axis)
    const bias = call.inputs[2]
    return normalise(call.recording, x, {
      kind,
      axes,
      epsilon: call.attributes.float('epsilon', 1e-5),
      scale: input(call, 1),
      ...(bias && { bias }),
    })
  }
}

/** The sum of two values and perhaps a bias, and its normalisation. Outputs 1 and 2 are of training; 3 is the sum. */
function skipNormalisation(kind: 'layer' | 'rms'): Operator {
  return (call) => {
    const it = new LazyArithmetic(call)
    const [beta, added] = kind === 'layer' ? [call.inputs[3], call.inputs[4]] : [undefined, call.inputs[3]]
    if (call.node.outputs.slice(1, 3).some((name) => name !== ''))
      throw new UnsupportedCall(`${call.node.op} that gives its mean`)
    const sum = [input(call, 1), ...(added ? [added] : [])].reduce((a, b) => it.add(a, b), input(call, 0))
    const normal = normalise(call.recording, sum, {
      kind,
      axes: [sum.dims.length - 1],
      epsilon: call.attributes.float('epsilon', 1e-12),
      scale: input(call, 2),
      ...(beta && { bias: beta }),
    })
    return [normal, sum, sum, sum].slice(0, Math.max(1, call.node.outputs.length))
  }
}

/** The sum of all elements up to each along an axis. */
function cumulated(call: RecordedCall): LazyArray {
  const { recording, attributes } = call
  const x = input(call, 0)
  if (attributes.int('reverse', 0) !== 0) throw new UnsupportedCall('CumSum from behind')
  const axis = axisOf(numbersIn(input(call, 1))[0]!, x.dims.length)
  const { length: rank } = x.dims
  const dims = [...x.dims, x.dims[axis]!]
  // Element i is the sum over j of those x[j] with j ≤ i: j becomes the last axis, and x is the same for all i.
  const order = x.dims.map((_, i) => (i === axis ? rank : i))
  const along = broadcast(transposed(reshape(recording, x, [...x.dims, 1]), [...order, axis]), dims)
  const op = attributes.int('exclusive', 0) === 1 ? 'less' : 'lessOrEqual'
  const counted = map(recording, { op, type: 'bool' }, [positions(dims, rank), positions(dims, axis)])
  return reduce(recording, map(recording, { op: 'where', type: x.type }, [counted, along, numberArray(x.type, 0)]), {
    kind: 'sum',
    axes: [rank],
  })
}

export const REDUCTIONS: Readonly<Record<string, Operator>> = {
  ReduceMean: reduction('mean'),
  ReduceSum: reduction('sum'),
  ReduceMax: reduction('maximum'),
  ReduceMin: reduction('minimum'),
  ReduceProd: reduction('product'),
  ReduceSumSquare: reduction('sum', { before: square }),
  ReduceL2: reduction('sum', { before: square, after: (x, it) => it.of('squareRoot', 'f32', x) }),
  ReduceL1: reduction('sum', { before: (x, it) => it.of('absolute', x.type, x) }),
  ArgMax(call) {
    const x = input(call, 0)
    if (call.attributes.int('select_last_index', 0) === 1) throw new UnsupportedCall('ArgMax of the last')
    const axes = [axisOf(call.attributes.int('axis', 0), x.dims.length)]
    return kept(call, { x, axes, y: reduce(call.recording, x, { kind: 'argmax', axes }) })
  },
  GlobalAveragePool(call) {
    const x = input(call, 0)
    const axes = x.dims.map((_, axis) => axis).slice(2)
    return reshaped(reduce(call.recording, x, { kind: 'mean', axes }), [x.dims[0]!, x.dims[1]!, ...axes.map(() => 1)])!
  },
  Softmax: softmaxOf(false),
  LogSoftmax: softmaxOf(true),
  CumSum: cumulated,
  LayerNormalization: normalisation('layer'),
  RMSNormalization: normalisation('rms'),
  SimplifiedLayerNormalization: normalisation('rms'),
  'com.microsoft.SimplifiedLayerNormalization': normalisation('rms'),
  'com.microsoft.SkipLayerNormalization': skipNormalisation('layer'),
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNormalisation('rms'),
}
