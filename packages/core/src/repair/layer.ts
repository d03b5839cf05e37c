import { sha256 } from '@pare/onnx'
import type { UpdatedTensor } from '../apply/update.js'
import { type Matrices, matricesPayload, readMatrices } from '../backend/matrix.js'
import { groupsOf } from '../calibrate/site.js'
import { scalesTo } from './match.js'
import { refit } from './refit.js'
import type { RepairableLayer } from './repairable.js'
import type { Fit, LayerRepair, Match, Measurements } from './treatment.js'
import { readFloats, updatedVector } from './updates.js'

/** λ as a fraction of the mean variance of the inputs. From 0.0001 to 0.01 it makes no difference on our models; 0.1 is worse (bench/README.md). */
const RIDGE = 0.001

interface LayerContext {
  /** How often constants are read, by id. */
  readonly readers: ReadonlyMap<string, number>
  readonly signal?: AbortSignal | undefined
}

/** Scales rows of the weight and shifts the bias, so that each output has the reference's mean and deviation. Zeros stay zero. */
export async function matchLayer(
  { of: layer, output, target }: Match,
  measurements: Measurements,
  context: LayerContext,
): Promise<LayerRepair> {
  const [now, then] = [measurements.moments(output), measurements.moments(target)]
  const scales = scalesTo(then, now)
  const before = await readMatrices(layer.weight.tensor, layer.weight.rows, 1)
  const weight = before.parts[0]!.map((value, i) => value * scales[Math.floor(i / before.columns)]!)
  const bias = await biasOf(layer)
  // s·(Wx + b − m) + m′  =  (s·W)x + s·(b − m) + m′; a bias behind the output is in neither mean.
  const shifted = bias.map((b, c) =>
    layer.biasInside ? scales[c]! * (b - now.mean[c]!) + then.mean[c]! : b - scales[c]! * now.mean[c]! + then.mean[c]!,
  )
  return { how: 'match', tensors: await tensorsOf(layer, { ...before, parts: [weight] }, shifted, context), notes: [] }
}

/** Fits the weight to what the reference gives, all outputs of a group together, and the bias where there is a place for one. */
export async function fitLayer(
  { of: layer, ...requests }: Fit,
  measurements: Measurements,
  context: LayerContext,
): Promise<LayerRepair> {
  const { id, weight, input, bias, normalized } = layer
  const groups = groupsOf(input)
  const before = await readMatrices(weight.tensor, weight.rows, groups)
  const [gram, cross] = [measurements.values(requests.gram), measurements.values(requests.cross)]
  const [x, y] = [measurements.values(requests.x), measurements.values(requests.y)]
  const part = (values: Float64Array, g: number) =>
    values.subarray((g * values.length) / groups, ((g + 1) * values.length) / groups)
  const parts: Float32Array[] = []
  const notes: string[] = []
  for (const [g, rows] of before.parts.entries()) {
    const means = bias !== undefined || normalized ? { means: { x: part(x, g), y: part(y, g) } } : {}
    const problem = { weight: rows, gram: part(gram, g), cross: part(cross, g), ...means, ridge: RIDGE, signal: context.signal }
    const fit = await refit(problem)
    if (fit === undefined) notes.push(`${id}: its inputs are constant, so only its means were matched`)
    else if (fit.ridge > 1.001 * RIDGE) notes.push(`${id}: fitted with λ raised to ${fit.ridge} of the variance of its inputs`)
    parts.push(fit?.weight ?? rows)
  }
  const after = { ...before, parts }
  const own = await biasOf(layer)
  const shifted = own.map((b, c) => (layer.biasInside ? 0 : b) + y[c]! - rowTimes(after, c, x))
  // A normalisation takes its own mean off: no bias is made for it.
  const needsBias = !(normalized && bias?.constant === undefined)
  return { how: 'refit', tensors: await tensorsOf(layer, after, needsBias ? shifted : undefined, context), notes }
}

/** Row `row` of a weight times x, f64[groups · columns]. */
function rowTimes({ rows, columns, parts }: Matrices, row: number, x: Float64Array): number {
  const g = Math.floor(row / rows)
  let sum = 0
  for (let j = 0; j < columns; j++) sum += parts[g]![(row % rows) * columns + j]! * x[g * columns + j]!
  return sum
}

async function biasOf({ bias, weight }: RepairableLayer): Promise<Float64Array> {
  return bias?.constant === undefined ? new Float64Array(weight.rows.out) : readFloats(bias.constant)
}

async function tensorsOf(
  { weight: { id, tensor, rows }, bias }: RepairableLayer,
  matrices: Matrices,
  shifted: Float64Array | undefined,
  { readers }: LayerContext,
): Promise<UpdatedTensor[]> {
  const { data } = matricesPayload(tensor, rows, matrices)
  const weight = { id, type: tensor.type, shape: tensor.shape, sha256: await sha256(data), data }
  if (bias === undefined || shifted === undefined) return [weight]
  return [weight, await updatedVector(bias, shifted, { type: tensor.type, readers })]
}
