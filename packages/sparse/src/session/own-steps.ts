import { PareError } from '@pare/onnx'
import type { SparseProduct } from '../engine/product.js'
import type { OwnStep } from '../graph/segments.js'
import type { ProductSite } from '../graph/sites.js'
import type { Buffer } from './buffers.js'
import type { RunParts } from './parts.js'

/** A value in our memory. */
export interface StoredValue {
  readonly buffer: Buffer
  readonly dims: readonly number[]
}

export const countOf = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1)

/**
 * A step with its weights loaded: takes the values that it reads and gives the one that it makes, in a buffer of its own. `same`: the step just before was a
 * product that read the same value. `onProduct` is told the samples of a product.
 */
export function prepare(
  parts: RunParts,
  step: OwnStep,
  onProduct: (site: ProductSite, samples: number) => void,
): (inputs: readonly StoredValue[], same: boolean) => StoredValue {
  if (step.kind === 'sparse') {
    const product = parts.productOf(step.site)
    const run = step.site.op === 'Conv' ? runConv : runMatrix
    return ([input], same) => {
      const { value, samples } = run(parts, product, input!, same)
      onProduct(step.site, samples)
      return value
    }
  }
  const { between } = step
  const { engine, buffers } = parts
  const make = ({ dims }: StoredValue): StoredValue => ({ buffer: buffers.take(4 * countOf(dims)), dims })
  if (between.kind === 'norm') {
    const norm = engine.loadNorm(between.norm)
    const width = between.norm.scale.length
    return ([input]) => {
      const value = make(input!)
      norm(input!.buffer.address, value.buffer.address, countOf(value.dims) / width)
      return value
    }
  }
  return ([a, b]) => {
    if (a!.dims.join() !== b!.dims.join()) return broadcast(parts, between.op, [a!, b!])
    const value = make(a!)
    engine.pair(between.op, value.buffer.address, [a!.buffer.address, b!.buffer.address], countOf(value.dims))
    return value
  }
}

interface Made {
  readonly value: StoredValue
  readonly samples: number
}

function runMatrix({ buffers }: RunParts, product: SparseProduct, { buffer, dims }: StoredValue, same: boolean): Made {
  const samples = countOf(dims.slice(0, -1))
  const value = { buffer: buffers.take(4 * samples * product.out), dims: [...dims.slice(0, -1), product.out] }
  product.run(buffer.address, value.buffer.address, samples, { same })
  return { value, samples }
}

function runConv({ buffers }: RunParts, product: SparseProduct, { buffer, dims }: StoredValue, same: boolean): Made {
  const [batch = 0, , ...places] = dims
  const size = countOf(places)
  const value = { buffer: buffers.take(4 * batch * size * product.out), dims: [batch, product.out, ...places] }
  // One place for each sample: channels lie one after another, as in a matrix.
  if (size === 1) product.run(buffer.address, value.buffer.address, batch, { same })
  else
    for (let n = 0; n < batch; n++) {
      const from = buffer.address + 4 * n * product.in * size
      product.run(from, value.buffer.address + 4 * n * product.out * size, size, {
        samples: 'columns',
        same: same && batch === 1,
      })
    }
  return { value, samples: batch * size }
}

/** The pair where shapes turn out to differ: element by element, as it was not expected. */
function broadcast({ engine, buffers }: RunParts, op: 'add' | 'mul', [a, b]: readonly [StoredValue, StoredValue]): StoredValue {
  const rank = Math.max(a.dims.length, b.dims.length)
  const sizes = [a, b].map(({ dims }) => [...Array<number>(rank - dims.length).fill(1), ...dims]) as [number[], number[]]
  const dims = sizes[0].map((size, axis) => (size === 1 ? sizes[1][axis]! : size))
  const clash = dims.some((size, axis) => sizes[1][axis] !== size && sizes[1][axis] !== 1)
  if (clash)
    throw new PareError(`sparse: shapes [${a.dims}] and [${b.dims}] do not fit each other.`, {
      hint: 'check the sizes of the inputs.',
    })
  const value = { buffer: buffers.take(4 * countOf(dims)), dims }
  const [one, other] = [a, b].map((each) => engine.memory.floats(each.buffer.address, countOf(each.dims))) as [
    Float32Array,
    Float32Array,
  ]
  const target = engine.memory.floats(value.buffer.address, countOf(dims))
  for (let i = 0; i < target.length; i++) {
    let [rest, atOne, atOther, strideOne, strideOther] = [i, 0, 0, 1, 1]
    for (let axis = rank - 1; axis >= 0; axis--) {
      const place = rest % dims[axis]!
      rest = (rest - place) / dims[axis]!
      if (sizes[0][axis] !== 1) atOne += place * strideOne
      if (sizes[1][axis] !== 1) atOther += place * strideOther
      strideOne *= sizes[0][axis]!
      strideOther *= sizes[1][axis]!
    }
    target[i] = op === 'add' ? one[atOne]! + other[atOther]! : one[atOne]! * other[atOther]!
  }
  return value
}
