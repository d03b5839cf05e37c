import { elementCount } from '../bytes/datatype.js'
import { readAll } from '../bytes/payload.js'
import { valuesOf } from '../bytes/values.js'
import { PareError } from '../error.js'
import { functionPath, graphPath } from '../graph/ids.js'
import { DEEPEST_CALL, MOST_VISITS, tooManyVisits } from '../graph/visit.js'
import { withTensors } from '../graph/with-tensors.js'
import type { Attribute, Graph, LocalFunction, Model, Node, Tensor, ValueInfo } from '../model.js'
import { NodeCall } from './operator-call.js'
import { type Branch, type Fact, type Facts, type InferenceFacts, MOST_ELEMENTS } from './rules/rule.js'
import { ruleOf } from './rules/rules.js'
import { allSizes, type Symbols, tieSymbols } from './symbols.js'

export interface ShapeOptions {
  /** Shapes of inputs, by name. What they say of symbols holds for the other inputs too. */
  readonly inputs?: Readonly<Record<string, readonly number[]>>
  /** Sizes of symbols. Default: what follows from others, as `symbolsOf` has it; 1 for each that nothing tells. */
  readonly dims?: Readonly<Record<string, number>>
  /** Which branch of an If is taken where its condition is not known. Default: what both agree on is known. */
  readonly branch?: Branch
  /** How many there are where data decide: of what is not 0, of boxes that are left, of passes of a Loop. Default: such shapes are not known */
  readonly counts?: Counts
}

/** A number for the node that makes the value `id`, at most `most`, where that follows from the model. Undefined: it is not known. */
export type Counts = (id: string, most: number | undefined) => number | undefined

/** What is known of values, by id: the name in the main graph, elsewhere with the way to it in front, as in `visitNodes`. */
export interface Shapes {
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** Elements of small values that follow from shapes and constants: targets of Reshape, axes, scales. */
  readonly values: ReadonlyMap<string, InferenceFacts>
}

/**
 * Shapes of all values for given sizes of the inputs, by one rule an operator, with small constants computed. Behind an operator without a rule the
 * shape counts that the model states; where it states none, there is none: nothing is guessed. Reads integer constants of up to 4,096 elements, others of up to 64. Linear in nodes, counting calls of functions.
 * Throws PareError when the inputs contradict the model or each other.
 */
export async function inferShapes(model: Model, options: ShapeOptions = {}): Promise<Shapes> {
  return (await shapesOf(model))(options)
}

/** `inferShapes` for one model and any sizes: constants are read once. */
export async function shapesOf(model: Model): Promise<(options?: ShapeOptions) => Shapes> {
  const { infer, symbols } = await inferenceOf(model)
  return (options) => infer(options, symbols)
}

/** The sizes that the inputs of a model leave open, and which of them follow from others. */
export async function symbolsOf(model: Model): Promise<Symbols> {
  return (await inferenceOf(model)).symbols
}

interface Inferring {
  readonly infer: (options: ShapeOptions | undefined, symbols: Symbols) => Shapes
  readonly symbols: Symbols
}

// A model never changes: what its sizes follow from is found once.
const inferences = new WeakMap<Model, Promise<Inferring>>()

function inferenceOf(model: Model): Promise<Inferring> {
  const inference = inferences.get(model) ?? prepare(model)
  inferences.set(model, inference)
  return inference
}

async function prepare(model: Model): Promise<Inferring> {
  const constants = await smallConstants(model)
  const infer = (options: ShapeOptions = {}, symbols: Symbols) => {
    const { facts, sizes } = inputShapes(model.graph, options, symbols)
    const inference = new Inference(model, constants, { branch: options.branch, counts: options.counts, sizes })
    inference.graph(model.graph, { names: new Map(facts), path: '', opsets: model.opsets })
    return inference
  }
  const untied = { free: [], tied: new Map() }
  return { infer, symbols: tieSymbols(model, (dims) => infer({ dims }, untied).shapes) }
}

/** Shapes of the inputs that the caller must feed, and the sizes of symbols that they are of. */
function inputShapes(
  graph: Graph,
  { inputs = {}, dims = {} }: ShapeOptions,
  symbols: Symbols,
): { readonly facts: [string, Fact][]; readonly sizes: Readonly<Record<string, number>> } {
  const names = new Set(graph.inputs.map(({ name }) => name))
  for (const name of Object.keys(inputs)) {
    if (!names.has(name))
      throw new PareError(`the model has no input '${name}'; it has '${[...names].join("', '")}'.`, { hint: RENAME })
  }
  const sizes = new Map(Object.entries(dims))
  for (const input of graph.inputs) {
    const shape = inputs[input.name]
    if (shape !== undefined) bind(input, shape, sizes)
  }
  const ones = Object.fromEntries(symbols.free.map((symbol) => [symbol, 1]))
  const all = allSizes(symbols, { ...ones, ...Object.fromEntries(sizes) })
  const facts = graph.inputs.map((input): [string, Fact] => {
    const shape = inputs[input.name] ?? input.shape?.map((size) => (typeof size === 'number' ? size : (all[size ?? ''] ?? 1)))
    return [input.name, { shape }]
  })
  return { facts, sizes: all }
}

const RENAME = 'name an input of the model.'

function bind({ name, shape: declared }: ValueInfo, shape: readonly number[], sizes: Map<string, number>): void {
  if (declared === undefined) return
  const fits =
    declared.length === shape.length && declared.every((size, axis) => typeof size !== 'number' || size === shape[axis])
  const clash = declared.findIndex((size, axis) => typeof size === 'string' && (sizes.get(size) ?? shape[axis]) !== shape[axis])
  if (!fits || clash >= 0) {
    const symbol = clash >= 0 ? `, with ${declared[clash]} = ${sizes.get(declared[clash] as string)}` : ''
    throw new PareError(
      `input '${name}' was given the shape [${shape}], expected [${declared.map((size) => size ?? '?')}]${symbol}.`,
      {
        hint: 'give every input the sizes the model states, and one size a symbol.',
      },
    )
  }
  for (const [axis, size] of declared.entries()) if (typeof size === 'string') sizes.set(size, shape[axis]!)
}

async function smallConstants(model: Model): Promise<ReadonlyMap<Tensor, InferenceFacts>> {
  const tensors: Tensor[] = []
  withTensors(model, (tensor) => {
    if (elementCount(tensor.shape) <= mostElements(tensor)) tensors.push(tensor)
    return tensor
  })
  const values = new Map<Tensor, InferenceFacts>()
  for (const tensor of tensors) {
    const numbers = Array.from(valuesOf(tensor.type, await readAll(tensor.data)), Number)
    values.set(tensor, { type: tensor.type, numbers })
  }
  return values
}

/** Elements beyond which a constant is not read. */
function mostElements({ type }: Tensor): number {
  if (/^(?:u?int(?:8|16|32|64)|bool)$/.test(type)) return MOST_ELEMENTS
  return /^float(?:16|32|64)$/.test(type) ? MOST_FLOATS : -1
}

/** Scales, and sizes on their way through a division. Larger ones are weights, and there are many. */
const MOST_FLOATS = 64

/** Where names are looked up. */
interface Place {
  /** Filled while nodes are visited. */
  readonly names: Map<string, Fact>
  readonly outer?: Place
  readonly path: string
  readonly opsets: ReadonlyMap<string, number>
  /** In a function: the attributes of its call, and its defaults. */
  readonly attributes?: ReadonlyMap<string, Attribute>
}

interface Given {
  readonly branch: Branch | undefined
  readonly counts: Counts | undefined
  readonly sizes: Readonly<Record<string, number>>
}

class Inference implements Shapes {
  readonly shapes = new Map<string, readonly number[]>()
  readonly values = new Map<string, InferenceFacts>()
  readonly #constants: ReadonlyMap<Tensor, InferenceFacts>
  readonly #functions: ReadonlyMap<string, LocalFunction>
  /** Ids of values with several shapes. */
  readonly #several = new Set<string>()
  #visits = 0
  /** Functions being inferred: one that calls itself gives nothing. */
  readonly #calls = new Set<LocalFunction>()

  readonly #branch: Branch | undefined
  readonly #counts: Counts | undefined
  /** Of the symbols of the model's inputs. */
  readonly #sizes: Readonly<Record<string, number>>

  constructor(model: Model, constants: ReadonlyMap<Tensor, InferenceFacts>, { branch, counts, sizes }: Given) {
    this.#branch = branch
    this.#counts = counts
    this.#sizes = sizes
    this.#constants = constants
    this.#functions = new Map(model.functions.map((each) => [`${each.domain}.${each.name}`, each]))
  }

  /** Infers the nodes of a graph whose inputs are in `place`; what its outputs are. */
  graph(graph: Graph, place: Place): Facts {
    for (const [name, fact] of [...place.names]) this.#keep(place, name, fact)
    for (const tensor of graph.initializers) this.#keep(place, tensor.name, this.#factOf(tensor))
    const stated = new Map([...graph.outputs, ...graph.values].map((value) => [value.name, value]))
    this.#nodes(graph.nodes, place, stated)
    return graph.outputs.map(({ name }) => lookUp(place, name))
  }

  #nodes(nodes: readonly Node[], place: Place, stated: ReadonlyMap<string, ValueInfo> = new Map()): void {
    for (const node of nodes) {
      const facts = this.#outputs(node, place)
      const hasRule = this.#hasRule(node)
      for (const [i, name] of node.outputs.entries()) this.#keep(place, name, hasRule ? facts[i] : this.#stated(stated.get(name)))
    }
  }

  #hasRule({ domain, op }: Node): boolean {
    return ruleOf(domain, op) !== undefined || this.#functionOf({ domain, op }) !== undefined
  }

  #functionOf({ domain, op }: Pick<Node, 'domain' | 'op'>): LocalFunction | undefined {
    return this.#functions.size === 0 ? undefined : this.#functions.get(`${domain}.${op}`)
  }

  /** What the model says of a value that no rule tells, in numbers and in symbols of its inputs. */
  #stated(value: ValueInfo | undefined): Fact | undefined {
    const shape = value?.shape?.map((size) => (typeof size === 'number' ? size : this.#sizes[size ?? '']))
    return shape === undefined || shape.includes(undefined) ? undefined : { shape: shape as readonly number[] }
  }

  #outputs(original: Node, place: Place): Facts {
    if (++this.#visits > MOST_VISITS) throw tooManyVisits()
    const node = withAttributes(original, place.attributes)
    const callee = this.#functionOf(node)
    if (callee !== undefined) return this.#call(callee, node, place)
    return ruleOf(node.domain, node.op)?.(this.#callOf(node, place)) ?? []
  }

  #call(callee: LocalFunction, node: Node, outer: Place): Facts {
    if (this.#calls.has(callee) || this.#calls.size >= DEEPEST_CALL) return []
    this.#calls.add(callee)
    const names = new Map<string, Fact>()
    const attributes = new Map(callee.defaults.map((attribute) => [attribute.proto.name, attribute]))
    for (const [name, attribute] of node.attributes) attributes.set(name, attribute)
    const place = { names, path: functionPath(callee), opsets: callee.opsets, attributes }
    for (const [i, name] of callee.inputs.entries()) names.set(name, lookUp(outer, node.inputs[i] ?? '') ?? {})
    this.#nodes(callee.nodes, place)
    this.#calls.delete(callee)
    return callee.outputs.map((name) => names.get(name))
  }

  #callOf(node: Node, place: Place): NodeCall {
    return new NodeCall(node, {
      opset: place.opsets.get(node.domain) ?? 1,
      branch: this.#branch,
      count: ({ outputs }, most) => this.#counts?.(`${place.path}${outputs.find((name) => name !== '') ?? ''}`, most),
      fact: (name) => lookUp(place, name),
      factOf: this.#factOf,
      infer: (graph, attribute) =>
        this.graph(graph, { ...place, names: new Map(), outer: place, path: graphPath(place.path, node, attribute) }),
    })
  }

  readonly #factOf = (tensor: Tensor): Fact => ({ shape: tensor.shape, value: this.#constants.get(tensor) })

  #keep(place: Place, name: string, fact: Fact | undefined): void {
    if (name === '' || fact?.shape === undefined || !fact.shape.every(isSize)) return
    place.names.set(name, fact)
    this.#record(`${place.path}${name}`, fact)
  }

  /** A function called with other shapes gives its values other ones: then they have none of their own. */
  #record(id: string, { shape, value }: Fact): void {
    const before = this.shapes.get(id)
    const differs =
      before !== undefined && (before.length !== shape!.length || before.some((size, axis) => size !== shape![axis]))
    if (differs) this.#several.add(id)
    if (this.#several.size > 0 && this.#several.has(id)) {
      this.shapes.delete(id)
      this.values.delete(id)
      return
    }
    this.shapes.set(id, shape!)
    if (before !== undefined) this.values.delete(id)
    else if (value !== undefined) this.values.set(id, value)
  }
}

const isSize = (size: number) => Number.isSafeInteger(size) && size >= 0

const isReference = (attribute: Attribute): boolean => attribute.proto.refAttrName !== ''

function hasReference({ attributes }: Node): boolean {
  for (const attribute of attributes.values()) if (isReference(attribute)) return true
  return false
}

/** The node with what its attributes refer to in place of the references; a reference to nothing is an attribute left out. */
function withAttributes(node: Node, callerAttributes: ReadonlyMap<string, Attribute> | undefined): Node {
  if (!hasReference(node)) return node
  const attributes = new Map<string, Attribute>()
  for (const [name, attribute] of node.attributes) {
    const actual = isReference(attribute) ? callerAttributes?.get(attribute.proto.refAttrName) : attribute
    if (actual !== undefined) attributes.set(name, actual)
  }
  return { ...node, attributes }
}

function lookUp(place: Place, name: string): Fact | undefined {
  return place.names.get(name) ?? (place.outer === undefined ? undefined : lookUp(place.outer, name))
}
