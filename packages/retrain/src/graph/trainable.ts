import {
  constantsOf,
  elementCount,
  globMatcher,
  keyOf,
  type Model,
  madeBy,
  PareError,
  readAll,
  type Tensor,
  type Use,
  type Uses,
  usesOf,
} from '@pare/onnx'

export interface TrainableOptions {
  /** Globs over names of tensors, or of nodes that read them. Only what matches is trained. Default: everything */
  readonly include?: readonly string[]
  /** Globs over the same names. What matches is not trained. Default: nothing */
  readonly exclude?: readonly string[]
}

/** A tensor that can be trained. */
export interface Trainable {
  /** Of an initializer, or of the output of a Constant node. */
  readonly id: string
  readonly tensor: Tensor
}

/**
 * The parameters of a model, in the order of the graph: f32 constants with at least one axis that are multiplied or convolved with values, added to them, or that scale and shift a
 * normalisation, also behind operators that only rearrange them (an embedding's Gather). Not: statistics of BatchNormalization; tables that only multiply values elementwise, such as
 * rotary angles; tables with huge or infinite numbers, such as attention masks; what is combined with an input of the model directly, such as a mean image.
 * Throws PareError where a glob matches nothing.
 */
export async function trainableTensors(
  model: Model,
  { include = [], exclude = [] }: TrainableOptions = {},
): Promise<Trainable[]> {
  const all = await candidates(model)
  const namesOf = ({ id, readers }: Candidate) => [id, ...readers]
  const matchers = (globs: readonly string[], option: string) =>
    globs.map((glob) => {
      const like = globMatcher(glob)
      const matches = (each: Candidate) => namesOf(each).some((name) => name === glob || like(name))
      if (all.some(matches)) return matches
      throw new PareError(
        `retrain: ${option} '${glob}' matches no parameter and no node that reads one; there are ${all
          .slice(0, 3)
          .map(({ id }) => `'${id}'`)
          .join(', ')} …`,
        { hint: 'pare inspect MODEL lists the names; * stops at /, ** does not.' },
      )
    })
  const included = matchers(include, 'include')
  const excluded = matchers(exclude, 'exclude')
  return all.filter(
    (each) => (included.length === 0 || included.some((matches) => matches(each))) && !excluded.some((matches) => matches(each)),
  )
}

interface Candidate extends Trainable {
  /** Names of the nodes that read it first. */
  readonly readers: readonly string[]
}

async function candidates(model: Model): Promise<Candidate[]> {
  const { graph } = model
  const uses = usesOf(graph)
  const { inputs: graphInputs, outputs } = uses
  const list: Candidate[] = []
  for (const [id, tensor] of constantsOf(graph)) {
    const { type, shape } = tensor
    if (type !== 'float32' || shape.length === 0 || elementCount(shape) === 0 || outputs.has(id)) continue
    const ends = endsOf(id, uses)
    if (ends.some(isStatistic) || !ends.some((end) => isParameter(end, { tensor, graphInputs, uses }))) continue
    if (await hasHugeNumbers(tensor)) continue
    list.push({ id, tensor, readers: uses.of(id).map(({ node }) => node.name || keyOf(node)) })
  }
  return list
}

/** Operators that only rearrange their first input (Concat: each of them). */
const REARRANGE = new Set([
  ...['Identity', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Flatten', 'Expand', 'Tile'],
  ...['Slice', 'Split', 'Gather', 'Concat', 'Dropout'],
])

interface End extends Use {
  /** Whether it got there as it is, through Identity at most. */
  readonly direct: boolean
}

/** Where a constant meets something that is more than rearranged. */
function endsOf(id: string, uses: Uses): End[] {
  const ends: End[] = []
  const seen = new Set<string>()
  const follow = (name: string, direct: boolean) => {
    if (seen.has(name)) return
    seen.add(name)
    for (const use of uses.of(name)) {
      const { node, input } = use
      const rearranges = node.domain === '' && REARRANGE.has(node.op) && (input === 0 || node.op === 'Concat')
      if (!rearranges) ends.push({ ...use, direct })
      else for (const output of madeBy(node)) follow(output, direct && node.op === 'Identity')
    }
  }
  follow(id, true)
  return ends
}

function isStatistic({ node, input }: Use): boolean {
  return node.op === 'BatchNormalization' && input >= 3
}

interface Surroundings {
  readonly tensor: Tensor
  /** Inputs of the model. */
  readonly graphInputs: ReadonlySet<string>
  readonly uses: Uses
}

const MULTIPLY = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum', 'FusedMatMul', 'FusedGemm', 'FusedConv'])
const ATTENTION = /^(Attention|MultiHeadAttention|GroupQueryAttention|QAttention|PackedAttention)$/

function isParameter({ node, input, direct }: End, { tensor, graphInputs }: Surroundings): boolean {
  const { op, inputs } = node
  if (MULTIPLY.has(op) || op === 'PRelu') return true
  if (/Normalization$/.test(op) || ATTENTION.test(op) || /^(Bias|Fast)?Gelu$/.test(op)) return true
  const others = inputs.filter((_, i) => i !== input)
  if (others.some((name) => graphInputs.has(name))) return false
  // One number added is an epsilon, one number multiplied a scale that no one trained.
  if (elementCount(tensor.shape) === 1) return false
  if (op === 'Add' || op === 'Sub' || op === 'Sum') return true
  return op === 'Mul' && direct && widestOf(tensor.shape) === elementCount(tensor.shape)
}

/** The longest axis. */
function widestOf(shape: readonly number[]): number {
  return Math.max(...shape)
}

const HUGE = 1e4

async function hasHugeNumbers({ data }: Tensor): Promise<boolean> {
  const values = new Float32Array((await readAll(data)).buffer)
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) < HUGE)) return true
  return false
}
