import { sha256 } from '@pare/onnx'
import type { Request } from '../calibrate/instrument.js'
import { type Matrices, matricesPayload, readMatrices } from '../matrix.js'
import type { UpdatedTensor } from '../update.js'
import type { Done, Measurements, RepairContext } from './level.js'
import { scalesTo } from './match.js'
import { refit } from './refit.js'
import type { Layer } from './repairable.js'
import { readFloats, updatedVector } from './updates.js'

export type LayerTask =
  | { readonly how: 'match'; readonly of: Layer; readonly found: Request; readonly wanted: Request }
  | {
      readonly how: 'refit'
      readonly of: Layer
      readonly gram: Request
      readonly cross: Request
      readonly x: Request
      readonly y: Request
    }

export async function repairLayer(task: LayerTask, measured: Measurements, context: RepairContext): Promise<Done> {
  return task.how === 'match' ? matched(task, measured, context) : fitted(task, measured, context)
}

/** Scales rows of the weight and shifts the bias, so that each output has the reference's mean and deviation. Zeros stay zero. */
async function matched(
  { of: layer, found, wanted }: Extract<LayerTask, { how: 'match' }>,
  measured: Measurements,
  context: RepairContext,
): Promise<Done> {
  const [now, then] = [measured.moments(found), measured.moments(wanted)]
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

/** λ as a fraction of the mean variance of the inputs: see bench/README.md. */
const RIDGE = 0.001

/** Fits the weight to what the reference gives, all outputs of a group together. */
async function fitted(
  { of: layer, ...requests }: Extract<LayerTask, { how: 'refit' }>,
  measured: Measurements,
  context: RepairContext,
): Promise<Done> {
  const { id, weight, input, bias, normalized } = layer
  const groups = input.patches?.groups ?? 1
  const before = await readMatrices(weight.tensor, weight.rows, groups)
  const [gram, cross, x, y] = [requests.gram, requests.cross, requests.x, requests.y].map((request) =>
    measured.values(request),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array]
  const part = (values: Float64Array, g: number) =>
    values.subarray((g * values.length) / groups, ((g + 1) * values.length) / groups)
  const parts: Float32Array[] = []
  const notes: string[] = []
  const ridge = Number(process.env.RIDGE ?? RIDGE)
  for (const [g, rows] of before.parts.entries()) {
    const means = bias !== undefined || normalized ? { means: { x: part(x, g), y: part(y, g) } } : {}
    const fit = await refit({ weight: rows, gram: part(gram, g), cross: part(cross, g), ...means, ridge, signal: context.signal })
    if (fit === undefined) notes.push(`${id}: its inputs are constant, so only its means were matched`)
    else if (fit.ridge > 1.001 * ridge) notes.push(`${id}: fitted with λ raised to ${fit.ridge} of the mean square of its inputs`)
    parts.push(fit?.weight ?? rows)
  }
  const after = { ...before, parts }
  const own = await biasOf(layer)
  const shifted = own.map((b, c) => (layer.biasInside ? 0 : b) + y[c]! - rowDot(after, c, x))
  return {
    how: 'refit',
    tensors: await tensorsOf(layer, after, normalized && bias?.constant === undefined ? undefined : shifted, context),
    notes,
  }
}

/** Σ over columns of row `row` times `x`, f64[groups · columns]. */
function rowDot({ rows, columns, parts }: Matrices, row: number, x: Float64Array): number {
  const g = Math.floor(row / rows)
  let sum = 0
  for (let j = 0; j < columns; j++) sum += parts[g]![(row % rows) * columns + j]! * x[g * columns + j]!
  return sum
}

async function biasOf({ bias, weight }: Layer): Promise<Float64Array> {
  return bias?.constant === undefined ? new Float64Array(weight.rows.out) : readFloats(bias.constant)
}

async function tensorsOf(
  { weight: { id, tensor, rows }, bias }: Layer,
  matrices: Matrices,
  shifted: Float64Array | undefined,
  { readers }: RepairContext,
): Promise<UpdatedTensor[]> {
  const { data } = matricesPayload(tensor, rows, matrices)
  const weight = { id, type: tensor.type, shape: tensor.shape, sha256: await sha256(data), data }
  if (bias === undefined || shifted === undefined) return [weight]
  return [weight, await updatedVector(bias, shifted, { type: tensor.type, readers })]
}
