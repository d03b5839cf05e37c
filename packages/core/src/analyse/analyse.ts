import { cureOf, isUnderstood, type Quantisation, type QuantisedTensor, quantisationOf, WEIGHT_OPERATORS } from '@pare/axes'
import {
  attributesOf,
  type Constant,
  globMatcher,
  isFloat,
  keyOf,
  type Model,
  type NameScope,
  type Node,
  operatorName,
  PareError,
  present,
  visitNodes,
} from '@pare/onnx'
import type { Analysis, NotEligible, Rows, Weight, WeightUse } from '../contract/contract.js'
import { type AdapterGraph, baseOfAdapter } from '../fold/adapter.js'
import { type Behind, computedConstants } from './behind.js'

export interface AnalyseOptions {
  /** Globs over names of weights, or of nodes that read them. Only what matches is eligible, also what by default is not. Default: everything. */
  readonly include?: readonly string[]
  /** Globs over the same names. What matches is not eligible. Default: nothing. */
  readonly exclude?: readonly string[]
}

/** Which weights may be pruned. Throws when a glob matches nothing: it is a slip of the pen. */
export function analyse(model: Model, { include = [], exclude = [] }: AnalyseOptions = {}): Analysis {
  const { candidates, hidden } = findCandidates(model)
  const included = include.map((glob) => matcher(glob, candidates, 'include'))
  const excluded = exclude.map((glob) => matcher(glob, candidates, 'exclude'))
  const weights: Weight[] = []
  const notEligible: NotEligible[] = []
  for (const { weight, reason } of candidates) {
    const own = impossible(weight)
    const users = chosen(weight, { included, excluded })
    const why = own ?? users ?? (include.length === 0 ? reason : undefined)
    if (why === undefined) weights.push(weight)
    else notEligible.push({ id: weight.id, reason: why, byUser: own === undefined && users !== undefined })
  }
  return {
    graph: model.graph,
    weights,
    notEligible: [...notEligible, ...hidden],
    coupled: [],
    blocks: [],
    parts: [],
    obstacles: [],
  }
}

/** Every weight, whether eligible or not: what a plan may name. */
export function weightsOf(model: Model): Weight[] {
  return findCandidates(model).candidates.map(({ weight }) => weight)
}

/** A constant that is multiplied with activations, and why it is not pruned by default, if so. */
interface Candidate {
  readonly weight: Weight
  readonly reason?: string
}

interface Candidates {
  readonly candidates: readonly Candidate[]
  /** Tensors that weights are computed from in the graph, in a way that masks cannot go. */
  readonly hidden: readonly NotEligible[]
}

interface Draft extends Pick<Weight, 'tensor' | 'quantised' | 'rows'> {
  readonly uses: WeightUse[]
  readonly reason: string | undefined
}

function findCandidates(model: Model): Candidates {
  const drafts = new Map<string, Draft>()
  const embeddings = new Set<string>()
  const hidden = new Map<string, NotEligible>()
  const computed = computedConstants()
  const quantisation = quantisationOf(model)
  const operandAt = (name: string | undefined, scope: NameScope) => operandOf(name, { scope, quantisation })
  visitNodes(model, (node, scope) => {
    computed.add(node, scope)
    const operator = computed.isConstant(node) ? undefined : WEIGHT_OPERATORS.get(operatorName(node))
    if (operator === undefined && !isUnderstood(node) && !NESTING.has(operatorName(node)))
      for (const weight of strangeWeights(node, scope)) hidden.set(weight.id, weight)
    for (const input of operator?.inputs ?? []) {
      const operand = operandAt(node.inputs[input], scope)
      if (operand === undefined) {
        const behind = computed.behind(node.inputs[input] ?? '', scope)
        if (behind !== undefined) hidden.set(behind.id, hiddenWeight(behind, node))
        continue
      }
      const gather = operand.gather && gatherName(operand.gather)
      const use = { node, input, name: node.name || keyOf(node), ...floatsBefore(node, scope), ...present({ gather }) }
      const draft = drafts.get(operand.id)
      if (draft !== undefined) draft.uses.push(use)
      else
        drafts.set(operand.id, {
          ...{ tensor: operand.tensor, ...present({ quantised: operand.quantised }) },
          rows: layout(operator!.rows(node, input, operand.shape), operand),
          uses: [use],
          reason: (operator!.isPruned?.(node, input) ? undefined : operator!.reason) ?? (gather && gathered(gather)),
        })
    }
    if (node.op === 'Gather' || node.op === 'EmbedLayerNormalization') {
      for (const name of node.inputs) addId(embeddings, tableAt(operandAt(name, scope)))
    }
  })
  const outputs = new Set(model.graph.outputs.map(({ name }) => name))
  const candidates = [...drafts].map(([id, { reason, ...draft }]) => {
    const weight: Weight = { id, ...draft }
    const { tensor } = weight
    if (embeddings.has(id)) return { weight, reason: 'it is an embedding too (tied)' }
    if (outputs.has(tensor.name)) return { weight, reason: 'it is an output of the model' }
    return reason === undefined ? { weight } : { weight, reason }
  })
  return { candidates, hidden: [...hidden.values()].filter(({ id }) => !drafts.has(id)) }
}

/** What the codes that a product of integers reads first were rounded from. */
function floatsBefore(node: Node, scope: NameScope): Pick<WeightUse, 'floats'> {
  const maker = scope.producer(node.inputs[0] ?? '')
  const rounds = maker?.op === 'QuantizeLinear' || maker?.op === 'DynamicQuantizeLinear'
  return rounds ? present({ floats: maker.inputs[0] }) : {}
}

function hiddenWeight({ id, tensor, node }: Behind, reader: Node): NotEligible {
  const label = ({ op, name, outputs }: Node) => `${op} '${name || outputs[0]}'`
  const stored = isFloat(tensor.type) || node.op !== 'DequantizeLinear' ? '' : `, which makes floats of ${tensor.type}`
  return { id, reason: `it stands behind ${label(node)}${stored}, where ${label(reader)} reads it`, byUser: false }
}

const NESTING: ReadonlySet<string> = new Set(['If', 'Loop', 'Scan'])

/** Floats of two axes and more that an operator reads of which it is not known what it computes. */
function strangeWeights(node: Node, scope: NameScope): readonly NotEligible[] {
  const constants = node.inputs.flatMap((name) => scope.constant(name) ?? [])
  return constants
    .filter(({ tensor }) => isFloat(tensor.type) && tensor.shape.length > 1)
    .map(({ id }) => ({
      id,
      reason: `${node.op} '${node.name || keyOf(node)}' reads it, and pare does not know what ${operatorName(node)} computes${cureOf(node)}`,
      byUser: false,
    }))
}

/** A constant as an operator sees it: perhaps through a Transpose of its two axes, or decoded. */
interface Operand extends Pick<Weight, 'id' | 'tensor' | 'quantised'> {
  readonly shape: readonly number[]
  readonly transposed: boolean
  /** The node that takes some of several such weights, by numbers that the model computes. */
  readonly gather?: Node
}

interface Surroundings {
  readonly scope: NameScope
  readonly quantisation: Quantisation
}

function operandOf(name: string | undefined, at: Surroundings): Operand | undefined {
  if (name === undefined || name === '') return undefined
  const { scope, quantisation } = at
  const constant = scope.constant(name)
  if (constant !== undefined) return operandAs(constant, quantisation.tensors.get(constant.id))
  const producer = scope.producer(name)
  const input = producer?.inputs[0]
  if (producer === undefined || input === undefined) return undefined
  const base = baseOfAdapter(producer, adapterGraph(scope))
  if (base !== undefined) return operandOf(producer.inputs[base], at)
  switch (operatorName(producer)) {
    case 'DequantizeLinear':
    case 'com.microsoft.DequantizeLinear': {
      const codes = scope.constant(input)
      const quantised = codes && quantisation.tensors.get(codes.id)
      return quantised && operandAs(codes, quantised)
    }
    case 'Gather': {
      // Of the weights of several experts those that a token is sent to. A table of rows is no weight.
      const stack = scope.constant(input)
      if (stack === undefined || stack.tensor.shape.length < 3 || attributesOf(producer).int('axis', 0) !== 0) return undefined
      return { ...operandAs(stack, quantisation.tensors.get(stack.id)), gather: producer }
    }
    // Zero is zero in every type of floats.
    case 'Cast':
      return floatsOnly(operandOf(input, at))
    case 'Transpose': {
      const behind = operandOf(input, at)
      if (behind === undefined || behind.shape.length !== 2 || !swaps(producer)) return undefined
      return { ...behind, shape: [...behind.shape].reverse(), transposed: !behind.transposed }
    }
    default:
      return undefined
  }
}

function operandAs({ id, tensor }: Constant, quantised: QuantisedTensor | undefined): Operand {
  const values = quantised?.values ?? tensor
  return { id, tensor: values, shape: values.shape, transposed: false, ...present({ quantised }) }
}

function adapterGraph({ constant, producer }: NameScope): AdapterGraph {
  return { stored: (name) => constant(name)?.tensor, maker: producer }
}

function floatsOnly(operand: Operand | undefined): Operand | undefined {
  return operand !== undefined && isFloat(operand.tensor.type) ? operand : undefined
}

/** Whether a Transpose of a matrix turns it over: not when its `perm` is [0, 1]. */
function swaps(node: Node): boolean {
  return attributesOf(node).ints('perm', [1, 0])[0] === 1
}

/** Rows of the tensor itself, where the operator sees it transposed. A matrix has its rows along one axis or the other. */
function layout(rows: Rows, { transposed }: Operand): Rows {
  return transposed ? { batch: 1, before: rows.after, out: rows.out, after: rows.before } : rows
}

const gatherName = ({ name, outputs }: Node) => `Gather '${name || outputs[0]}'`

const gathered = (gather: string) => `it holds the weights of several experts, of which ${gather} takes some for each input`

/** A table that rows are taken from, and no stack of weights. */
const tableAt = (operand: Operand | undefined) => (operand === undefined || operand.shape.length > 2 ? undefined : operand.id)

function addId(ids: Set<string>, id: string | undefined): void {
  if (id !== undefined) ids.add(id)
}

/** Why nothing can make this weight eligible. */
function impossible({ tensor, quantised }: Weight): string | undefined {
  if (quantised?.unmaskable !== undefined) return `it is ${quantised.form}: ${quantised.unmaskable}`
  if (!isFloat(tensor.type)) return `it holds ${tensor.type}`
  if (tensor.shape.length < 2) return `it has ${tensor.shape.length} axes: a vector, not a matrix`
  if (tensor.data.byteLength === 0) return 'it has no elements'
  return undefined
}

function chosen(
  weight: Weight,
  { included, excluded }: { included: readonly Matcher[]; excluded: readonly Matcher[] },
): string | undefined {
  if (included.length > 0 && !included.some((matches) => matches(weight))) return 'not among what --include names'
  return excluded.some((matches) => matches(weight)) ? 'named by --exclude' : undefined
}

type Matcher = (weight: Weight) => boolean

function matcher(glob: string, candidates: readonly Candidate[], option: 'include' | 'exclude'): Matcher {
  const like = globMatcher(glob)
  const matches: Matcher = (weight) => names(weight).some((name) => name === glob || like(name))
  if (candidates.some(({ weight }) => matches(weight))) return matches
  const some = candidates.slice(0, 3).map(({ weight }) => `'${names(weight).at(-1)}'`)
  throw new PareError(
    `--${option} '${glob}' matches no weight and no node that reads one${some.length > 0 ? `; there are ${some.join(', ')} …` : ''}.`,
    {
      hint: 'pare inspect MODEL lists the names; * stops at /, ** does not.',
    },
  )
}

function names({ tensor, uses }: Weight): string[] {
  return [tensor.name, ...uses.map(({ name }) => name)]
}
