import {
  editGraph,
  editModel,
  elementCount,
  GraphWriter,
  keyOf,
  type Model,
  madeAtOnce,
  NewTensors,
  type Node,
  PareError,
  type Tensor,
  usesOf,
  withoutDead,
} from '@pare/onnx'
import { blockCount, blocksOf } from './blocks.js'
import type { QuantisedForm } from './choices.js'
import { unitScalesOnGrid } from './grid.js'
import { HALF_TYPES, type HalfMethod, halvesOf, isHalf } from './halves/halves.js'
import { isRoundable, type WeightType, widened, withFloats } from './halves/stored-halves.js'
import { unitAxis } from './place.js'
import { turnedCodes, type UnitCodes, unitCodes, unitScales } from './scales.js'
import { withoutNormalization } from './static/normalization.js'
import { withIntegers } from './static/write.js'
import type { QuantisedWeight, QuantiseStep } from './step.js'

/**
 * The model with the weights of the step in fewer bits. Scales are computed now, codes when they are written; the input is not changed.
 *
 * @throws PareError where the model has no such weight, or one of another size.
 */
export async function applyQuantisation(model: Model, step: AppliedStep): Promise<Model> {
  const { method, weights, activations = [] } = step
  const floats = isHalf(method) ? model : withFloats(model, new Set(weights.map(({ id }) => id)))
  checkWeights(floats, weights)
  const isStatic = ({ form }: QuantisedWeight) => form === 'static'
  const base =
    method === 'int8-static'
      ? await withIntegers(await withoutNormalization(floats), weights.filter(isStatic), activations)
      : floats
  const rewriting = new Rewriting(base, step)
  for (const weight of weights) if (weight.form !== 'static') await rewriting.store({ ...weight, form: weight.form })
  return rewriting.finish()
}

type AppliedStep = Pick<QuantiseStep, 'method' | 'block' | 'weights' | 'activations'>

function checkWeights(model: Model, weights: readonly QuantisedWeight[]): void {
  const { constants } = usesOf(model.graph)
  for (const { id, elements } of weights) {
    const tensor = constants.get(id)
    if (tensor !== undefined && isRoundable(tensor.type) && elementCount(tensor.shape) === elements) continue
    const has = tensor === undefined ? 'has no such constant' : `has it as ${tensor.type}[${tensor.shape}]`
    throw new PareError(`the plan quantises '${id}' with ${elements} elements, and this model ${has}.`, {
      hint: 'replay a plan on the model it was made for; its path and hash stand at the top of the plan.',
    })
  }
}

type Stored = Pick<QuantisedWeight, 'id' | 'onGrid' | 'bits'> & { readonly form: Exclude<QuantisedForm, 'static'> }

interface StoredHow {
  /** Of the weight, and of what it is multiplied with. */
  readonly type: WeightType
  readonly isOnGrid: boolean
  /** Default: as the method says */
  readonly bits: 8 | undefined
}

interface WithBias {
  readonly bias: string
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, bigint>>
}

/** A graph whose weights are exchanged one by one. */
class Rewriting {
  readonly #uses
  readonly #writer: GraphWriter
  readonly #tensors: NewTensors
  /** What takes the place of a node, by its key: written where the node stood. */
  readonly #replacements = new Map<string, (node: Node) => void>()
  readonly #gone = new Set<string>()
  #usesMicrosoft = false

  constructor(
    private readonly model: Model,
    private readonly step: Pick<QuantiseStep, 'method' | 'block'>,
  ) {
    const { graph } = model
    this.#uses = usesOf(graph)
    this.#writer = new GraphWriter(graph, 'quantised')
    this.#tensors = new NewTensors(graph)
  }

  async store({ id, form, onGrid, bits }: Stored): Promise<void> {
    const tensor = this.#uses.constants.get(id)!
    await this.#storeAs[form](id, widened(tensor), { type: tensor.type as WeightType, isOnGrid: onGrid === true, bits })
    this.#gone.add(id)
  }

  readonly #storeAs = {
    halves: async (id: string, tensor: Tensor): Promise<void> => {
      const method = this.step.method as HalfMethod
      const halves = { type: HALF_TYPES[method], shape: tensor.shape, data: halvesOf(tensor, method) }
      const name = this.#tensor(`${id}_half`, halves)
      this.#writer.write('Cast', [name], [id], { to: FLOAT })
    },

    stored: async (id: string, tensor: Tensor, { type }: StoredHow): Promise<void> => {
      const axis = unitAxis(this.#uses.of(id)[0]!, tensor)!
      const scales = await unitScales(tensor, axis, type)
      const codes = this.#codes(`${id}_int8`, tensor, { axis, scales, type: 'int8' })
      const shape = tensor.shape.map((size, i) => (i === axis ? size : 1))
      const scale = this.#tensor(`${id}_scale`, { type, shape, values: scales })
      this.#writer.write('Mul', [this.#writer.node('Cast', [codes], { to: CODES[type] }), scale], [id])
    },

    rows: async (id: string, tensor: Tensor, { type }: StoredHow): Promise<void> => {
      const scales = await unitScales(tensor, 0, type)
      const codes = this.#codes(`${id}_int8`, tensor, { axis: 0, scales, type: 'int8' })
      const shape = tensor.shape.map((size, i) => (i === 0 ? size : 1))
      const scale = this.#tensor(`${id}_scale`, { type, shape, values: scales })
      this.#replace(id, ({ inputs, outputs }) => {
        const [rows, factors] = [codes, scale].map((table) => this.#writer.node('Gather', [table, inputs[1]!], { axis: 0n }))
        this.#writer.write('Mul', [this.#writer.node('Cast', [rows!], { to: CODES[type] }), factors!], outputs)
      })
    },

    integers: async (id: string, tensor: Tensor, { type, isOnGrid }: StoredHow): Promise<void> => {
      const scalesAlong = new Map<number, Float32Array>()
      for (const use of this.#uses.of(id)) {
        const axis = unitAxis(use, tensor)!
        if (!scalesAlong.has(axis)) scalesAlong.set(axis, await (isOnGrid ? unitScalesOnGrid : unitScales)(tensor, axis))
      }
      const stored = new Map<number, { readonly codes: string; readonly scale: string }>()
      const storedFor = (axis: number) => {
        const own = stored.get(axis)
        if (own !== undefined) return own
        const scales = scalesAlong.get(axis)!
        const codes = this.#codes(`${id}_uint8`, tensor, { axis, scales, type: 'uint8', isTurned: axis === 0 })
        const made = { codes, scale: this.#tensor(`${id}_scale`, { type: 'float32', shape: [scales.length], values: scales }) }
        stored.set(axis, made)
        return made
      }
      this.#replace(id, (node) => {
        const { codes, scale } = storedFor(unitAxis({ node, input: 1 }, tensor)!)
        const [x, bias] = [node.inputs[0]!, node.inputs[2] ?? '']
        // Rounding and scales are of floats alone.
        const read = type === 'float32' ? x : this.#writer.node('Cast', [x], { to: FLOAT })
        const [rounded, factor, zero] = this.#writer.outputs('DynamicQuantizeLinear', [read], {}, { outputs: 3 })
        const sums = this.#writer.own('MatMulInteger', [rounded!, codes, zero!, this.#middle()])
        const wide = this.#writer.own('Cast', [sums], { to: FLOAT })
        const factors = [wide, this.#writer.node('Mul', [factor!, scale])]
        if (type === 'float32') this.#withBias('Mul', factors, { bias, outputs: node.outputs })
        else
          this.#withBias('Cast', [this.#writer.own('Mul', factors)], {
            bias,
            outputs: node.outputs,
            attributes: { to: CODES[type] },
          })
      })
    },

    blocks: async (id: string, tensor: Tensor, { type, isOnGrid, bits: own }: StoredHow): Promise<void> => {
      const bits = own ?? (this.step.method === 'int4' ? 4 : 8)
      const { block } = this.step
      this.#usesMicrosoft = true
      for (const use of this.#uses.of(id)) {
        const isTurned = unitAxis(use, tensor) === 0
        const [first, second] = tensor.shape as [number, number]
        const [inputs, units] = isTurned ? [second, first] : [first, second]
        const shape = { inputs, units, bits, block, type, isTurned, isOnGrid } as const
        const count = blockCount(shape)
        const { scales } = await blocksOf(tensor, shape)
        const codes = this.#tensor(`${id}_int${bits}`, {
          type: 'uint8',
          shape: [units, count, (block * bits) / 8],
          data: madeAtOnce((units * count * block * bits) / 8, async () => (await blocksOf(tensor, shape)).codes),
        })
        const scale = this.#tensor(`${id}_scale`, { type, shape: [units * count], values: scales })
        const attributes = { K: BigInt(inputs), N: BigInt(units), bits: BigInt(bits), block_size: BigInt(block), ...ACCURACY }
        this.#replacements.set(keyOf(use.node), ({ inputs: [x = '', , bias = ''], outputs }) => {
          const product = bias === '' ? outputs : [this.#writer.name()]
          this.#writer.write('MatMulNBits', [x, codes, scale], product, attributes, MICROSOFT)
          if (bias !== '') this.#writer.write('Add', [product[0]!, bias], outputs)
        })
      }
    },
  } satisfies Record<Stored['form'], (id: string, tensor: Tensor, how: StoredHow) => Promise<void>>

  /** The node that reads the weight gives way, wherever it does. */
  #replace(id: string, write: (node: Node) => void): void {
    for (const { node } of this.#uses.of(id)) this.#replacements.set(keyOf(node), write)
  }

  #withBias(op: string, inputs: readonly string[], { bias, outputs, attributes }: WithBias): void {
    if (bias === '') this.#writer.write(op, inputs, outputs, attributes)
    else this.#writer.write('Add', [this.#writer.own(op, inputs, attributes), bias], outputs)
  }

  #codes(name: string, tensor: Tensor, { isTurned = false, ...codes }: UnitCodes & { readonly isTurned?: boolean }): string {
    const shape = isTurned ? [...tensor.shape].reverse() : tensor.shape
    const data = isTurned ? turnedCodes(tensor, codes) : unitCodes(tensor, codes)
    return this.#tensor(name, { type: codes.type, shape, data })
  }

  /** The code of 0 in uint8. */
  #middle(): string {
    this.#middleName ??= this.#tensor('quantised_zero', { type: 'uint8', shape: [], values: [128] })
    return this.#middleName
  }
  #middleName: string | undefined

  #tensor(wanted: string, fields: Parameters<NewTensors['add']>[1]): string {
    return this.#tensors.add(wanted, fields)
  }

  finish(): Model {
    const { graph } = this.model
    for (const node of graph.nodes) {
      const replacement = this.#replacements.get(keyOf(node))
      if (replacement !== undefined) replacement(node)
      else if (!node.outputs.some((name) => this.#gone.has(name))) this.#writer.nodes.push(node)
    }
    const initializers = [
      ...graph.initializers.filter(({ name }) => !this.#gone.has(name)),
      ...this.#writer.constants,
      ...this.#tensors.all,
    ]
    const opsets = this.#usesMicrosoft ? new Map([...this.model.opsets, [MICROSOFT, 1] as const]) : this.model.opsets
    return withoutDead(
      this.model,
      editModel(this.model, { opsets, graph: editGraph(graph, { nodes: this.#writer.nodes, initializers }) }),
    )
  }
}

const FLOAT = 1n
/** What codes are made for a product with something of this type. */
const CODES: Readonly<Record<WeightType, bigint>> = { float32: FLOAT, float16: 10n }
const MICROSOFT = 'com.microsoft'
/** Inputs are rounded to 8 bits, block by block, for the product: several times as fast on a CPU. */
const ACCURACY = { accuracy_level: 4n }
