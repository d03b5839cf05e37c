import type { GraphWriter, NewTensors, Node } from '@pare/onnx'
import type { WeightType } from './halves/stored-halves.js'

/** What floats are called in ONNX. */
export const FLOAT = 1n
/** What codes are made for a product with something of this type. */
export const CODES: Readonly<Record<WeightType, bigint>> = { float32: FLOAT, float16: 10n }
export const MICROSOFT = 'com.microsoft'
/** Inputs are rounded to 8 bits, block by block, for the product: several times as fast on a CPU. */
const ACCURACY = { accuracy_level: 4n }

interface WithBias {
  readonly bias: string
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, bigint>>
}

/** Names of the values that hold a weight: its codes, and one scale for each unit or block. */
export interface CodedWeight {
  readonly codes: string
  readonly scale: string
}

export interface BlockAttributes {
  readonly inputs: number
  readonly units: number
  readonly bits: 4 | 8
  readonly block: number
}

/** Writes products with codes in the place of products with floats. */
export class Products {
  constructor(
    private readonly writer: GraphWriter,
    private readonly tensors: NewTensors,
  ) {}

  /** Of inputs that are rounded as they come with uint8[inputs, units] around 128. */
  ofIntegers({ inputs: [x = '', , bias = ''], outputs }: Node, { codes, scale }: CodedWeight, type: WeightType): void {
    // Rounding and scales are of floats alone.
    const read = type === 'float32' ? x : this.writer.node('Cast', [x], { to: FLOAT })
    const [rounded, factor, zero] = this.writer.outputs('DynamicQuantizeLinear', [read], {}, { outputs: 3 })
    const sums = this.writer.own('MatMulInteger', [rounded!, codes, zero!, this.#middle()])
    const wide = this.writer.own('Cast', [sums], { to: FLOAT })
    const factors = [wide, this.writer.node('Mul', [factor!, scale])]
    if (type === 'float32') this.#withBias('Mul', factors, { bias, outputs })
    else this.#withBias('Cast', [this.writer.own('Mul', factors)], { bias, outputs, attributes: { to: CODES[type] } })
  }

  /** With uint8[units, blocks, block · bits ÷ 8]. */
  ofBlocks(
    { inputs: [x = '', , bias = ''], outputs }: Node,
    { codes, scale }: CodedWeight,
    { inputs, units, bits, block }: BlockAttributes,
  ): void {
    const attributes = { K: BigInt(inputs), N: BigInt(units), bits: BigInt(bits), block_size: BigInt(block), ...ACCURACY }
    const product = bias === '' ? outputs : [this.writer.name()]
    this.writer.write('MatMulNBits', [x, codes, scale], product, attributes, MICROSOFT)
    if (bias !== '') this.writer.write('Add', [product[0]!, bias], outputs)
  }

  #withBias(op: string, inputs: readonly string[], { bias, outputs, attributes }: WithBias): void {
    if (bias === '') this.writer.write(op, inputs, outputs, attributes)
    else this.writer.write('Add', [this.writer.own(op, inputs, attributes), bias], outputs)
  }

  /** The code of 0 in uint8. */
  #middle(): string {
    this.#middleName ??= this.tensors.add('quantised_zero', { type: 'uint8', shape: [], values: [MIDDLE] })
    return this.#middleName
  }
  #middleName: string | undefined
}

/** The code of 0 among bytes. */
export const MIDDLE = 128
