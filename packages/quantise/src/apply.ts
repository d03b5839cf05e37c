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
  operatorName,
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
import { type Place, placesOf, unitAxis } from './place.js'
import { CODES, type CodedWeight, FLOAT, MICROSOFT, MIDDLE, Products } from './products.js'
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

interface InBlocks extends StoredHow {
  /** Products, along the same axis. */
  readonly places: readonly Place[]
  /** Where rows are taken. Default: nowhere */
  readonly rows?: readonly Place[]
}

/** A graph whose weights are exchanged one by one. */
class Rewriting {
  readonly #uses
  readonly #writer: GraphWriter
  readonly #tensors: NewTensors
  readonly #products: Products
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
    this.#products = new Products(this.#writer, this.#tensors)
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
      const axis = unitAxis(placesOf(id, this.#uses)[0]!, tensor)!
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
      const stored = new Map<number, CodedWeight>()
      for (const place of placesOf(id, this.#uses)) {
        const axis = unitAxis(place, tensor)!
        const own = stored.get(axis)
        if (own === undefined) {
          const scales = await (isOnGrid ? unitScalesOnGrid : unitScales)(tensor, axis)
          const codes = this.#codes(`${id}_uint8`, tensor, { axis, scales, type: 'uint8', isTurned: axis === 0 })
          const scale = this.#tensor(`${id}_scale`, { type: 'float32', shape: [scales.length], values: scales })
          stored.set(axis, { codes, scale })
        }
        const coded = stored.get(axis)!
        this.#replacements.set(keyOf(place.node), (node) => this.#products.ofIntegers(node, coded, type))
      }
    },

    blocks: async (id: string, tensor: Tensor, how: StoredHow): Promise<void> => {
      for (const place of placesOf(id, this.#uses)) await this.#inBlocks(id, tensor, { ...how, places: [place] })
    },

    tied: async (id: string, tensor: Tensor, how: StoredHow): Promise<void> => {
      const { type } = how
      const isTaken = ({ node }: Place) => operatorName(node) === 'Gather'
      const places = placesOf(id, this.#uses)
      const [rows, products] = [places.filter(isTaken), places.filter((place) => !isTaken(place))]
      if (this.step.method !== 'int8' && this.step.method !== 'int8-static') {
        await this.#inBlocks(id, tensor, { ...how, places: products, rows })
        return
      }
      const scales = await unitScales(tensor, 0)
      const codes = this.#codes(`${id}_uint8`, tensor, { axis: 0, scales, type: 'uint8' })
      const scale = this.#tensor(`${id}_scale`, { type: 'float32', shape: [scales.length, 1], values: scales })
      const zero = this.#tensor(`${id}_zero`, { type, shape: [], values: [MIDDLE] })
      for (const { node } of rows)
        this.#replacements.set(keyOf(node), ({ inputs: [, ids = ''], outputs }) => {
          const [taken, factors] = [codes, scale].map((table) => this.#writer.node('Gather', [table, ids], { axis: 0n })) as [
            string,
            string,
          ]
          const centred = this.#writer.node('Sub', [this.#writer.node('Cast', [taken], { to: CODES[type] }), zero])
          const typed = type === 'float32' ? factors : this.#writer.node('Cast', [factors], { to: CODES[type] })
          this.#writer.write('Mul', [centred, typed], outputs)
        })
      for (const { node } of products)
        this.#replacements.set(keyOf(node), (each) => {
          const turned = this.#writer.node('Transpose', [codes], { perm: [1n, 0n] })
          const flat = this.#writer.node('Reshape', [scale, this.#writer.ints([-1])])
          this.#products.ofIntegers(each, { codes: turned, scale: flat }, type)
        })
    },
  } satisfies Record<Stored['form'], (id: string, tensor: Tensor, how: StoredHow) => Promise<void>>

  /** Products in blocks; and rows that are taken of the same codes, whose reshaping ONNX Runtime does once, when it loads the model. */
  async #inBlocks(id: string, tensor: Tensor, { type, isOnGrid, bits: own, places, rows = [] }: InBlocks): Promise<void> {
    const bits = own ?? (this.step.method === 'int4' ? 4 : 8)
    const { block } = this.step
    this.#usesMicrosoft = true
    const isTurned = unitAxis(places[0]!, tensor) === 0
    const [first, second] = tensor.shape as [number, number]
    const [inputs, units] = isTurned ? [second, first] : [first, second]
    const shape = { inputs, units, bits, block, type, isTurned, isOnGrid } as const
    const count = blockCount(shape)
    const { scales } = await blocksOf(tensor, shape)
    const bytes = (block * bits) / 8
    const codes = this.#tensor(`${id}_int${bits}`, {
      type: 'uint8',
      shape: [units, count, bytes],
      data: madeAtOnce(units * count * bytes, async () => (await blocksOf(tensor, shape)).codes),
    })
    const scale = this.#tensor(`${id}_scale`, { type, shape: [units * count], values: scales })
    for (const { node } of places)
      this.#replacements.set(keyOf(node), (each) => this.#products.ofBlocks(each, { codes, scale }, shape))
    for (const { node } of rows)
      this.#replacements.set(keyOf(node), ({ inputs: [, ids = ''], outputs }) => {
        const table = this.#writer.node('Reshape', [codes, this.#writer.ints([units, count * bytes])])
        const factors = this.#writer.node('Reshape', [scale, this.#writer.ints([units, count])])
        const attributes = { gather_axis: 0n, quantize_axis: 1n, bits: BigInt(bits), block_size: BigInt(block) }
        this.#writer.write('GatherBlockQuantized', [table, ids, factors], outputs, attributes, MICROSOFT)
      })
  }

  /** The node that reads the weight gives way, wherever it does. */
  #replace(id: string, write: (node: Node) => void): void {
    for (const { node } of this.#uses.of(id)) this.#replacements.set(keyOf(node), write)
  }

  #codes(name: string, tensor: Tensor, { isTurned = false, ...codes }: UnitCodes & { readonly isTurned?: boolean }): string {
    const shape = isTurned ? [...tensor.shape].reverse() : tensor.shape
    const data = isTurned ? turnedCodes(tensor, codes) : unitCodes(tensor, codes)
    return this.#tensor(name, { type: codes.type, shape, data })
  }

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
