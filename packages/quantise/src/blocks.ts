import { readAll, type Tensor } from '@pare/onnx'
import { gridOfBlocks, scaleOnGrid } from './grid.js'
import { scaleAs, type WeightType } from './halves/stored-halves.js'
import { floats } from './scales.js'

/** How a matrix stands in MatMulNBits. */
export interface BlockShape {
  /** Inputs, which are summed over. */
  readonly inputs: number
  /** Output units. */
  readonly units: number
  readonly bits: 4 | 8
  readonly block: number
  /** Of the scales. */
  readonly type: WeightType
  /** Whether the weight is [units, inputs] and not [inputs, units]. */
  readonly isTurned: boolean
  /** Whether its elements are codes times scales already. Default: each becomes the nearest */
  readonly isOnGrid?: boolean
}

export interface Blocks {
  /** uint8[units, blocks, block · bits ÷ 8]: the lower half of a byte first. */
  readonly codes: Uint8Array
  /** f32[units · blocks] */
  readonly scales: Float32Array
}

export function blockCount({ inputs, block }: Pick<BlockShape, 'inputs' | 'block'>): number {
  return Math.ceil(inputs / block)
}

/**
 * Codes around the middle one, 8 of 4 bits and 128 of 8, which is where MatMulNBits puts 0 unless told otherwise: zeros stay zeros. The element of the largest
 * size in a block is given the code 0, which lies one further from the middle than the last, so that no element is clipped and no code unused.
 */
export async function blocksOf(tensor: Tensor, shape: BlockShape): Promise<Blocks> {
  const { inputs, units, bits, block, type, isTurned, isOnGrid = false } = shape
  const values = floats(await readAll(tensor.data))
  const count = blockCount(shape)
  const middle = 2 ** (bits - 1)
  const grid = gridOfBlocks(bits, block)
  const own = new Float32Array(block)
  const bytes = (block * bits) / 8
  const scales = new Float32Array(units * count)
  const codes = new Uint8Array(units * count * bytes).fill(bits === 4 ? 0x88 : 0x80)
  const at = isTurned ? (unit: number, k: number) => unit * inputs + k : (unit: number, k: number) => k * units + unit
  for (let unit = 0; unit < units; unit++) {
    for (let b = 0; b < count; b++) {
      const [from, to] = [b * block, Math.min(inputs, (b + 1) * block)]
      for (let k = from; k < to; k++) own[k - from] = values[at(unit, k)]!
      const elements = own.subarray(0, to - from)
      const scale = isOnGrid ? scaleOnGrid(elements, grid, tensor.name) : scaleAs(type, nearestScale(elements, middle))
      scales[unit * count + b] = scale
      for (let k = from; k < to; k++) {
        const code = Math.max(0, Math.min(2 * middle - 1, Math.round(own[k - from]! / scale) + middle))
        const place = (unit * count + b) * bytes
        if (bits === 8) codes[place + (k - from)] = code
        else {
          const byte = place + ((k - from) >> 1)
          codes[byte] = (k - from) % 2 === 0 ? (codes[byte]! & 0xf0) | code : (codes[byte]! & 0x0f) | (code << 4)
        }
      }
    }
  }
  return { codes, scales }
}

function nearestScale(elements: Float32Array, middle: number): number {
  let largest = 0
  for (const value of elements) if (Math.abs(value) > Math.abs(largest)) largest = value
  return largest === 0 ? 1 : largest / -middle
}
