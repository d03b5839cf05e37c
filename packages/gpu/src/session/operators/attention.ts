import { concatenate, gather, map, numberArray, reshape } from '../../arrays/compute.js'
import type { LazyArray } from '../../arrays/element.js'
import { matmul } from '../../arrays/matmul.js'
import { softmax } from '../../arrays/rows.js'
import { broadcast, positions, sliced, transposed } from '../../arrays/views.js'
import { LazyArithmetic } from './elementwise.js'
import { input, type Operator, type RecordedCall, UnsupportedCall } from './recorded-call.js'

interface Rotation {
  /** f32[places, half]: of each position. */
  readonly cos: LazyArray
  readonly sin: LazyArray
  /** i32[batch or 1, seq] */
  readonly at: LazyArray
  readonly interleaved: boolean
}

/** f32[batch, heads, seq, headDim]: pairs of numbers turned by an angle that the position tells (RoFormer, 2021, arXiv 2104.09864). Numbers behind the last pair stay. */
function rotated(call: RecordedCall, x: LazyArray, { cos, sin, at, interleaved }: Rotation): LazyArray {
  const { recording } = call
  const it = new LazyArithmetic(call)
  const half = cos.dims[1]!
  const width = x.dims[3]!
  const part = (start: number) =>
    sliced(x, { axis: 3, start: interleaved ? start : start * half, step: interleaved ? 2 : 1, count: half })
  const [a, b] = [part(0), part(1)]
  const [c, s] = [cos, sin].map((table) => {
    const rows = gather(recording, table, { indices: at, axis: 0 })
    return reshape(recording, rows, [rows.dims[0]!, 1, rows.dims[1]!, half])
  }) as [LazyArray, LazyArray]
  const one = map(recording, { op: 'subtract', type: 'f32' }, [it.multiply(a, c), it.multiply(b, s)])
  const other = it.add(it.multiply(a, s), it.multiply(b, c))
  const behind = sliced(x, { axis: 3, start: 2 * half, step: 1, count: width - 2 * half })
  if (!interleaved) return concatenate(recording, [one, other, behind], 3)
  const [first, second] = [one, other].map((each) => reshape(recording, each, [...each.dims, 1])) as [LazyArray, LazyArray]
  const pairs = reshape(recording, concatenate(recording, [first, second], 4), x.dims.with(3, 2 * half))
  return concatenate(recording, [pairs, behind], 3)
}

/** [batch, seq, heads · headDim] as [batch, heads, seq, headDim]. */
function apart({ recording }: RecordedCall, x: LazyArray, heads: number): LazyArray {
  const [batch, seq, width] = x.dims as [number, number, number]
  return transposed(reshape(recording, x, [batch, seq, heads, width / heads]), [0, 2, 1, 3])
}

const rotaryEmbedding: Operator = (call) => {
  const { attributes, recording } = call
  const [x, ids, cos, sin] = [0, 1, 2, 3].map((i) => input(call, i)) as [LazyArray, LazyArray, LazyArray, LazyArray]
  const width = attributes.int('rotary_embedding_dim', 0)
  const heads = attributes.int('num_heads', 0)
  if (x.dims.length === 3 && heads === 0 && width > 0)
    throw new UnsupportedCall('RotaryEmbedding that does not say how many heads')
  const four = x.dims.length === 4 ? x : apart(call, x, heads || x.dims[2]! / (2 * cos.dims[1]!))
  const seq = four.dims[2]!
  const whole = ids.dims.length === 2
  // One number is the first position.
  const at = whole ? ids : map(recording, { op: 'addI', type: 'i32' }, [positions([1, seq], 1), reshape(recording, ids, [1, 1])])
  const result = rotated(call, four, { cos, sin, at, interleaved: attributes.int('interleaved', 0) === 1 })
  return x.dims.length === 4 ? result : reshape(recording, transposed(result, [0, 2, 1, 3]), x.dims)
}

/** Softmax(q · kᵀ · scale, of the places up to each query's own) · v for each head, with keys and values behind those of a cache. */
const groupQueryAttention: Operator = (call) => {
  const { attributes, inputs, recording, node } = call
  const [heads, kept] = [attributes.int('num_heads', 1), attributes.int('kv_num_heads', 1)]
  const query = input(call, 0)
  const [batch, seq, all] = query.dims as [number, number, number]
  if (batch !== 1) throw new UnsupportedCall('GroupQueryAttention of several samples, whose lengths only the device knows')
  if (attributes.int('local_window_size', -1) !== -1 || attributes.float('softcap', 0) !== 0 || inputs.slice(9).some(Boolean))
    throw new UnsupportedCall('GroupQueryAttention with a window, a cap or a mask')
  const packed = inputs[1] === undefined
  const width = packed ? all / (heads + 2 * kept) : all / heads
  const part = (first: number, count: number) => sliced(query, { axis: 2, start: first * width, step: 1, count: count * width })
  const [q, k, v] = packed
    ? [part(0, heads), part(heads, kept), part(heads + kept, kept)]
    : [query, input(call, 1), input(call, 2)]
  const [past, pastValue] = [inputs[3], inputs[4]]
  const before = past?.dims[2] ?? 0
  const it = new LazyArithmetic(call)
  const turn = (x: LazyArray) => {
    if (attributes.int('do_rotary', 0) === 0) return x
    const at = map(recording, { op: 'addI', type: 'i32' }, [positions([1, seq], 1), numberArray('i32', before)])
    return rotated(call, x, {
      cos: input(call, 7),
      sin: input(call, 8),
      at,
      interleaved: attributes.int('rotary_interleaved', 0) === 1,
    })
  }
  const [queries, newKeys, newValues] = [turn(apart(call, q, heads)), turn(apart(call, k, kept)), apart(call, v, kept)]
  const join = (cache: LazyArray | undefined, more: LazyArray) =>
    cache === undefined ? more : concatenate(recording, [cache, more], 2)
  const [keys, values] = [join(past, newKeys), join(pastValue, newValues)]
  const total = before + seq
  // Each key's head is shared by heads ÷ kept queries.
  const shared = heads / kept
  const repeated = (x: LazyArray) => broadcast(reshape(recording, x, [1, kept, 1, total, width]), [1, kept, shared, total, width])
  const scores = matmul(
    recording,
    reshape(recording, queries, [1, kept, shared, seq, width]),
    transposed(repeated(keys), [0, 1, 2, 4, 3]),
  )
  const scaled = it.multiply(scores, attributes.float('scale', 0) || 1 / Math.sqrt(width))
  const own = map(recording, { op: 'addI', type: 'i32' }, [positions(scaled.dims, 3), numberArray('i32', before)])
  const seen = map(recording, { op: 'lessOrEqual', type: 'bool' }, [positions(scaled.dims, 4), own])
  const weights = softmax(recording, it.where(seen, scaled, -3e38), { axes: [4], logarithm: false })
  const context = reshape(recording, matmul(recording, weights, repeated(values)), [1, heads, seq, width])
  const joined = reshape(recording, transposed(context, [0, 2, 1, 3]), [1, seq, heads * width])
  return [joined, keys, values].slice(0, node.outputs.length)
}

export const ATTENTION: Readonly<Record<string, Operator>> = {
  'com.microsoft.RotaryEmbedding': rotaryEmbedding,
  'com.microsoft.GroupQueryAttention': groupQueryAttention,
}
