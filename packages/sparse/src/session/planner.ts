import { editGraph, editModel, makeTensor, parseText } from '@pare/onnx'
import type * as Ort from 'onnxruntime-common'
import type { ProductSite } from '../graph/sites.js'
import type { Activation } from '../kernels/activations.js'
import { type Both, gainUs, inTurn, OF_LAYER, OF_SESSION, pays } from './measure.js'
import { outlookOf } from './outlook.js'
import type { Feeds, RunParts } from './parts.js'
import type { LayerPlan, SessionPlan } from './plan.js'
import type { SplitModel } from './split.js'

export interface Planning {
  readonly parts: RunParts
  /** Whether plans that stay dense say how many zeros would pay. */
  readonly outlook: boolean
  readonly sites: readonly ProductSite[]
  readonly dense: Ort.InferenceSession
  /** The split for these sites, made once for each set. */
  readonly splitFor: (ids: readonly string[]) => Promise<SplitModel>
}

/**
 * Which products to run sparse for inputs like these: each is timed by itself, dense and sparse, then the whole model both ways. Where handing over between the
 * run times costs more than the products gain, those that gain least go back to ONNX Runtime, and where nothing pays, all do. Takes a second or two.
 */
export async function makePlan(planning: Planning, feeds: Feeds, shapes: string): Promise<SessionPlan> {
  const plan = await fastestPlan(planning, feeds, shapes)
  if (plan.kind === 'sparse' || !planning.outlook || plan.layers.length === 0) return plan
  const { parts, sites } = planning
  const slowest = plan.layers.reduce((a, b) => (b.denseUs > a.denseUs ? b : a))
  const dense = await denseProduct(parts, sites.find(({ id }) => id === slowest.id)!)
  try {
    const product = { dense, feeds: feedsFor(parts, slowest.in, slowest.samples) }
    return { ...plan, outlook: await outlookOf(parts, slowest, product) }
  } finally {
    await dense.release()
  }
}

async function fastestPlan({ parts, sites, dense, splitFor }: Planning, feeds: Feeds, shapes: string): Promise<SessionPlan> {
  const all = sites.map(({ id }) => id)
  const split = await splitFor(all)
  const samples = new Map<ProductSite, number>()
  await split.run(feeds, (site, count) => void samples.set(site, count))
  const layers = await timeLayers(parts, samples)
  const faster = layers.filter((layer) => gainUs(layer) > 0)
  const none = {
    shapes,
    layers: layers.map((layer) => ({ ...layer, chosen: 'dense' as const })),
    sparse: [],
    kind: 'dense' as const,
  }
  if (faster.length === 0) return { ...none, reason: 'no product is faster sparse than dense.' }

  const trials = [await trySparse(faster)]
  // What handing over costs a product, on average, beyond what was gained.
  const { both, layers: chosen } = trials[0]!
  const expected = chosen.reduce((sum, layer) => sum + gainUs(layer), 0)
  const overhead = Math.max(0, expected - 1000 * (both.first - both.second)) / chosen.length
  const worthwhile = faster.filter((layer) => gainUs(layer) > 1.2 * overhead)
  if (worthwhile.length > 0 && worthwhile.length < faster.length) trials.push(await trySparse(worthwhile))
  const best = trials.reduce((a, b) => (b.both.ratio > a.both.ratio ? b : a))
  const times = { denseMs: best.both.first, sparseMs: best.both.second, segments: best.segments }
  if (!pays(best.both)) {
    const problem = best.both.ratio > 1 ? 'leaves too little of what the products gain' : 'costs more than the products gain'
    const reason = `handing over between the run times ${problem}: at best ${timesOf(best.both)}`
    return { ...none, ...times, reason }
  }
  const sparse = best.layers.map(({ id }) => id)
  return {
    kind: 'sparse',
    reason: timesOf(best.both),
    shapes,
    sparse,
    layers: layers.map((layer) => ({ ...layer, chosen: sparse.includes(layer.id) ? 'sparse' : 'dense' })),
    ...times,
  }

  async function trySparse(some: readonly LayerPlan[]): Promise<{ layers: readonly LayerPlan[]; both: Both; segments: number }> {
    const candidate = await splitFor(some.map(({ id }) => id))
    const both = await inTurn(
      () => dense.run(feeds),
      () => candidate.run(feeds),
      OF_SESSION,
    )
    return { layers: some, both, segments: candidate.segments }
  }
}

const timesOf = ({ ratio, wins }: Both) =>
  `${ratio.toFixed(2)}× as fast as dense, and faster in ${Math.round(100 * wins)} % of the runs.`

const formatOf = ({ matrix }: ProductSite) => (matrix.kind === 'rows' ? 'rows' : `tiles ${matrix.tileRows}×${matrix.tileColumns}`)

type Times = Pick<LayerPlan, 'denseUs' | 'sparseUs'>

/** Layers of the same size and format with about equally many zeros are timed once. */
async function timeLayers(parts: RunParts, samples: ReadonlyMap<ProductSite, number>): Promise<LayerPlan[]> {
  const sessions = new Map<string, Ort.InferenceSession>()
  const times = new Map<string, Times>()
  try {
    const layers: LayerPlan[] = []
    for (const [site, count] of samples) {
      const { out, in: inputs } = site.matrix
      const size = [inputs, out, site.activation, site.integers].join()
      const alike = [size, count, formatOf(site), Math.round(50 * site.sparsity)].join()
      if (!sessions.has(size)) sessions.set(size, await denseProduct(parts, site))
      if (!times.has(alike)) times.set(alike, await timeLayer(parts, site, { count, session: sessions.get(size)! }))
      layers.push({ ...describe(site, count), samples: count, ...times.get(alike)!, chosen: 'dense' })
    }
    return layers
  } finally {
    for (const session of sessions.values()) await session.release()
  }
}

const describe = (site: ProductSite, samples: number) => ({
  id: site.id,
  weight: site.weight,
  op: site.op,
  out: site.matrix.out,
  in: site.matrix.in,
  sparsity: site.sparsity,
  format: formatOf(site),
  limit: samples === 1 ? bytesOfDense(site) / bytesOfSparse(site) : 1 / (1 - site.sparsity),
})

const bytesOfDense = ({ matrix: { in: inputs, out }, integers }: ProductSite) => (integers ? 1 : 4) * inputs * out
const bytesOfSparse = ({ matrix: { columns, values } }: ProductSite) => values.byteLength + 2 * columns.length

/** A dense product of the same size, of integers where the weight is stored as such, with the activation: its time does not depend on the numbers. */
async function denseProduct(
  { createSession }: RunParts,
  { matrix: { out, in: inputs }, activation, integers }: ProductSite,
): Promise<Ort.InferenceSession> {
  const after = activation === undefined ? 'y = Identity(p)' : ACTIVATION_NODES[activation]
  const type = integers ? 'int8' : 'float32'
  const product = integers
    ? 'q, a, z = DynamicQuantizeLinear(x) s = MatMulInteger(q, w, z) p = Cast <to = 1> (s)'
    : 'p = MatMul(x, w)'
  const model = parseText(
    `<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    g (float[M, ${inputs}] x) => (float[M, ${out}] y) <${integers ? 'int8' : 'float'}[1] w = {0}> { ${product} ${after} }`,
  )
  const scale = integers ? 1 : 1 / 128
  const values = Float32Array.from({ length: inputs * out }, (_, i) => (((i * 7919) % 255) - 127) * scale)
  const weight = makeTensor({ name: 'w', type, shape: [inputs, out], values })
  return createSession(editModel(model, { graph: editGraph(model.graph, { initializers: [weight] }) }))
}

const ACTIVATION_NODES: Readonly<Record<Activation, string>> = {
  relu: 'y = Relu(p)',
  sigmoid: 'y = Sigmoid(p)',
  tanh: 'y = Tanh(p)',
  silu: 's = Sigmoid(p) y = Mul(p, s)',
  gelu: 'y = com.microsoft.Gelu(p)',
  'gelu-tanh': 'y = com.microsoft.FastGelu(p)',
  'quick-gelu': 'y = com.microsoft.QuickGelu(p)',
}

async function timeLayer(
  parts: RunParts,
  site: ProductSite,
  { count, session }: { count: number; session: Ort.InferenceSession },
): Promise<Times> {
  const { engine, buffers, productOf } = parts
  const product = productOf(site)
  const [x, y] = [buffers.take(4 * count * product.in), buffers.take(4 * count * product.out)]
  const feeds = feedsFor(parts, product.in, count)
  engine.memory.floats(x.address, count * product.in).set(feeds.x.data as Float32Array)
  const both = await inTurn(
    () => session.run(feeds),
    () => product.run(x.address, y.address, count),
    OF_LAYER,
  )
  buffers.giveBack(x)
  buffers.giveBack(y)
  const [dense, sparse] = both.fastest
  return { denseUs: 1000 * dense, sparseUs: 1000 * sparse }
}

function feedsFor({ ort }: RunParts, inputs: number, samples: number): { readonly x: Ort.Tensor } {
  const values = new Float32Array(samples * inputs).map((_, i) => ((i * 104729) % 1009) / 1009 - 0.5)
  return { x: new ort.Tensor('float32', values, [samples, inputs]) }
}
