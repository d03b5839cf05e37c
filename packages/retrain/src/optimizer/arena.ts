import { PareError } from '@pare/onnx'

/** A tensor that is trained. */
export interface ArenaTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Whether weight decay applies. */
  readonly decays: boolean
  /** Bit i & 7 of byte i >> 3 is 1 where element i is kept. Absent: all are. */
  readonly mask?: Uint8Array
}

/** What stands in memory once for each weight. */
export const AREAS = ['weights', 'gradients', 'first', 'second', 'sums', 'scores', 'hidden'] as const
export type Area = (typeof AREAS)[number]

/**
 * All numbers of a training in one WebAssembly memory: weights, their gradients, what the optimiser keeps for each, and one bit that says whether it stays.
 * ONNX Runtime reads and writes it through views; it takes no memory that threads share.
 */
export interface Arena {
  readonly memory: WebAssembly.Memory
  readonly tensors: readonly PlacedTensor[]
  /** Of the weights, with what fills tensors up to a multiple of eight. */
  readonly elements: number
  /** Where an area begins, in bytes. */
  readonly starts: Readonly<Partial<Record<Area, number>>>
  /** Where the mask begins: u8[elements / 8]. */
  readonly mask: number
  /** f32[elements]. Throws where the arena has no such area. */
  area(area: Area): Float32Array
  /** The elements of one tensor, in the tensor's order. */
  view(tensor: PlacedTensor, area: Area): Float32Array
  readonly maskBytes: Uint8Array
}

/** A tensor and where it stands in each area. */
export interface PlacedTensor extends ArenaTensor {
  readonly elements: number
  /** First element; a multiple of eight. */
  readonly first: number
}

/** f64 sum of squares. */
export const SUM = 0
/** Four lanes of all ones or zeros for each of 16 patterns of four bits. */
export const LANES = 64
const BASE = 512
const PAGE = 65536
const MOST_BYTES = 2 ** 32 - PAGE

/** Room for these tensors, all zero but the mask. Throws PareError where it is more than WebAssembly can address. */
export function openArena(tensors: readonly ArenaTensor[], areas: readonly Area[]): Arena {
  let elements = 0
  const placed = tensors.map((tensor): PlacedTensor => {
    const own = tensor.shape.reduce((a, b) => a * b, 1)
    const first = elements
    elements += Math.ceil(own / 8) * 8
    return { ...tensor, elements: own, first }
  })
  const bytes = BASE + (4 * areas.length + 1 / 8) * elements
  if (bytes > MOST_BYTES) throw tooLarge(elements, areas.length)
  const memory = new WebAssembly.Memory({ initial: Math.max(1, Math.ceil(bytes / PAGE)) })
  const starts = Object.fromEntries(areas.map((area, i) => [area, BASE + 4 * elements * i]))
  const mask = BASE + 4 * elements * areas.length
  const maskBytes = new Uint8Array(memory.buffer, mask, elements / 8)
  for (const tensor of placed) fillMask(maskBytes, tensor)
  const lanes = new Int32Array(memory.buffer, LANES, 64)
  for (let i = 0; i < 64; i++) lanes[i] = -((i >> 2) & (1 << (i & 3)) ? 1 : 0)
  const startOf = (area: Area) => {
    const start = starts[area]
    if (start === undefined) throw new Error(`the arena has no ${area}`)
    return start
  }
  return {
    ...{ memory, tensors: placed, elements, starts, mask, maskBytes },
    area: (area) => new Float32Array(memory.buffer, startOf(area), elements),
    view: ({ first, elements: length }, area) => new Float32Array(memory.buffer, startOf(area) + 4 * first, length),
  }
}

/** What fills a tensor up stays zero: its gradient is. */
function fillMask(bytes: Uint8Array, { first, elements, mask }: PlacedTensor): void {
  const target = bytes.subarray(first / 8, first / 8 + Math.ceil(elements / 8))
  if (mask === undefined) target.fill(255)
  else target.set(mask.subarray(0, target.length))
}

function tooLarge(elements: number, areas: number): PareError {
  const most = Math.floor((MOST_BYTES - BASE) / (4 * areas + 1 / 8) / 1e6)
  return new PareError(
    `retrain: ${Math.round(elements / 1e6)} million weights with ${areas} numbers for each are more than fit into one WebAssembly memory.`,
    { hint: `train at most ${most} million at once: name some with include, or use SGD, which keeps one number less for each.` },
  )
}
