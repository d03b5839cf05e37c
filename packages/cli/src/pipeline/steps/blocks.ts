import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type PartJob,
  type RecoveredBlocks,
  type RecoveredPart,
  recoverBlocks,
  type TrainedPart,
  type UpdateStep,
} from '@pare/core'
import { figure, formatBytes, formatDuration } from '@pare/gate'
import {
  bytesOf,
  type DataType,
  type Model,
  makePayload,
  makeTemporaryFolder,
  present,
  withTensors,
  writeWhole,
} from '@pare/onnx'
import type { RetrainResult, VectorCopy } from '@pare/retrain'
import { asRun, inputsOfData } from '../../engine/data-inputs.js'
import { forwardOver } from '../../engine/forward.js'
import { collectPaddedValues } from '../../engine/padded-values.js'
import { trainerOf, type Work } from '../../engine/work.js'
import type { BlocksConfig } from '../../options/recover.js'
import { widen } from '../../proof/widen.js'
import { calibrationFiles } from '../../settings/data/calibration.js'
import type { Activity } from '../../terminal/progress.js'
import type { RepairJob } from './repair.js'

/** How parts of blocks were trained. */
export interface BlocksFacts {
  readonly parts: readonly RecoveredPart[]
  readonly samples: number
  /** Of the values of one part that were in memory, at most. */
  readonly bytes: number
  readonly seconds: number
  readonly notes: readonly string[]
}

export interface BlocksJob extends RepairJob {
  readonly settings: BlocksConfig
}

/** Trains what pruning left block by block over calibration data, without labels: the step that is appended to the plan, and how it went. */
export async function recoverBlockwise(job: BlocksJob, work: Work): Promise<{ step: UpdateStep; facts: BlocksFacts }> {
  const { reference, pruned, steps, seed, calibration } = job
  const { signal, progress, label, engine } = work
  const { separateVectors } = await import('@pare/retrain')
  const padded = collectPaddedValues()
  const files = calibrationFiles(calibration)
  const [before, after] = [await asRun(reference, files), await asRun(pruned, files)]
  const { model, added } = separateVectors(widen(after))
  const activity = progress.begin(`${label}: training block by block`)
  const start = performance.now()
  const frozen = new Map<string, string>()
  let [samples, bytes] = [0, 0]
  const train = async (part: PartJob): Promise<TrainedPart> => {
    samples = part.samples
    bytes = Math.max(bytes, bytesIn(part))
    const trained = await trainPart(part, job, work, tellOn(activity, part, start))
    for (const [id, reason] of trained?.frozen ?? []) frozen.set(id, reason)
    return trained === undefined ? { tensors: new Map() } : trainedOf(trained)
  }
  try {
    const isFilled = await inputsOfData(files)
    const recovered = await recoverBlocks(widen(before), model, {
      ...{ steps, seed, forward: forwardOver(calibration, engine), train, isFilled, onPadding: padded.add, signal },
    })
    const notes = [...recovered.notes, ...frozenNotes(frozen), ...padded.warnings()]
    const facts = { parts: recovered.parts, samples, bytes, seconds: (performance.now() - start) / 1000, notes }
    return { step: stepOf(recovered, { pruned, added, notes }), facts }
  } finally {
    activity.end()
  }
}

/** Share of the samples by which the best weights of a part are chosen. */
const HELD_OUT = 0.05
const DEFAULT_EPOCHS = 10
/** Chosen by held-out samples of calibration data: docs/decisions/033-blocks.md. */
const DEFAULT_RATE = 0.005

/** Undefined where the part has nothing that can be trained. Its values lie in a file while it is. */
async function trainPart(
  { model, loss, inputs, constants }: PartJob,
  { settings, seed }: BlocksJob,
  { engine, signal }: Work,
  onProgress: (step: number, steps: number, loss: number) => void,
): Promise<RetrainResult | undefined> {
  const { retrain, trainableTensors } = await import('@pare/retrain')
  const { npzBytes } = await import('@pare/evaluate/npz')
  const own = new Set(constants)
  const include = (await trainableTensors(model)).map(({ id }) => id).filter((id) => own.has(id))
  if (include.length === 0) return undefined
  const folder = makeTemporaryFolder('part')
  try {
    const data = join(folder, 'part.npz')
    await writeWhole(data, npzBytes(inputs.map(({ pieces, ...array }) => ({ ...array, elements: () => pieces }))))
    const trained = await retrain(
      model,
      {
        ...{ data, loss: 'output', output: loss, include, seed, holdOut: HELD_OUT },
        ...{ optimizer: { name: 'adamw', weightDecay: 0 }, epochs: DEFAULT_EPOCHS, learningRate: DEFAULT_RATE, ...settings },
      },
      { ...trainerOf(engine), signal, onProgress: ({ step, steps, loss }) => onProgress(step, steps, loss) },
    )
    if (trained.ended === 'stopped') signal.throwIfAborted()
    return trained
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function trainedOf({ tensors, start, best }: RetrainResult): TrainedPart {
  const [before, after] = [start?.loss, best.heldOut?.loss]
  return {
    tensors: new Map(tensors.map(({ id, values }) => [id, values])),
    ...(before !== undefined && after !== undefined && { errors: { before, after } }),
  }
}

const bytesIn = ({ inputs }: PartJob) =>
  inputs.reduce((sum, { pieces }) => sum + pieces.reduce((own, { byteLength }) => own + byteLength, 0), 0)

/** Parts are of about one length. */
function tellOn(activity: Activity, part: PartJob, start: number) {
  return (step: number, steps: number, loss: number) => {
    const done = part.index + step / steps
    const left = ((performance.now() - start) / done) * (part.count - done)
    const error = Number(loss.toPrecision(3))
    const message = `part ${part.index + 1} of ${part.count}, step ${step} of ${steps}, error ${error}, ${formatDuration(left)} left, ${formatBytes(bytesIn(part))} of values`
    activity.update(done, part.count, message)
  }
}

function frozenNotes(frozen: ReadonlyMap<string, string>): string[] {
  const [first] = frozen
  if (first === undefined) return []
  const count = frozen.size === 1 ? '1 tensor was' : `${frozen.size} tensors were`
  return [`${count} not trained: '${first[0]}', since ${first[1]}`]
}

interface Stepping {
  readonly pruned: Model
  readonly added: ReadonlyMap<string, VectorCopy>
  readonly notes: readonly string[]
}

/** What was trained as f32, in the types of the model. */
function stepOf({ tensors }: RecoveredBlocks, { pruned, added, notes }: Stepping): UpdateStep {
  const stored = new Map<string, { readonly type: DataType; readonly shape: readonly number[] }>()
  withTensors(pruned, (tensor, id) => {
    stored.set(id, tensor)
    return tensor
  })
  return {
    kind: 'update',
    by: 'blocks',
    tensors: [...tensors].map(([id, values]) => {
      const copy = added.get(id)
      const { type, shape } = stored.get(copy?.of ?? id)!
      const bytes = bytesOf(type, values)
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      return { id, type, shape, ...present({ readers: copy && [copy.reader] }), sha256, data: makePayload(bytes) }
    }),
    notes,
  }
}

/** '12 parts of blocks, error 0.0254 → 0.0201 in the mean, 3 min 20 s, 34 MB of values at once', or why none was */
export function describeBlocks({ parts, bytes, seconds, notes }: BlocksFacts): string {
  if (parts.length === 0) return notes[0] ?? 'no part of a block was trained'
  const errors = parts.flatMap((part) => part.errors ?? [])
  const mean = (of: 'before' | 'after') => figure(errors.reduce((sum, each) => sum + each[of], 0) / errors.length)
  const bought = errors.length === 0 ? '' : `, error ${mean('before')} → ${mean('after')} in the mean`
  return `${parts.length} ${parts.length === 1 ? 'part' : 'parts'} of blocks${bought}, ${formatDuration(1000 * seconds)}, ${formatBytes(bytes)} of values at once`
}
