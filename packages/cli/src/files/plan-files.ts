import { formatPlan, type Plan, parsePlan, planPayloads } from '@pare/core'
import { chunks, makePayload, type Payload, readRegular, systemCode, writeWhole } from '@pare/onnx'
import { usage } from '../terminal/failure.js'
import { hashFiles, type ModelHashes } from './hash-model.js'

/** The file beside a plan with the numbers that were computed for it: 'resnet.plan.json' → 'resnet.plan.bin'. */
export function payloadPath(plan: string): string {
  return plan.replace(/(\.json)?$/, '.bin')
}

/** Writes a plan, and the file beside it where it needs one. */
export async function writePlan(path: string, plan: Plan): Promise<void> {
  const payloads = planPayloads(plan)
  if (payloads.length > 0) await writeWhole(payloadPath(path), bytesIn(payloads))
  await writeWhole(path, formatPlan(plan))
}

async function* bytesIn(payloads: readonly Payload[]): AsyncGenerator<Uint8Array> {
  for (const payload of payloads) for await (const { bytes } of chunks(payload)) yield bytes
}

/** Longer texts JavaScript does not have. */
const MOST_PLAN_BYTES = 2 ** 29 - 25

/** Reads a plan back. `shown` is what messages call it. */
export async function readPlan(path: string, shown: string): Promise<Plan> {
  const text = await readRegular(path, { what: 'a plan', maxBytes: MOST_PLAN_BYTES }).catch((cause: unknown) => {
    if (systemCode(cause) === undefined) throw cause
    throw usage(
      `pare replay: the plan ${shown} cannot be read (${systemCode(cause)}).`,
      'make one with: pare plan MODEL --sparsity 0.5',
      cause,
    )
  })
  const payloads = await readRegular(payloadPath(path), { what: 'the numbers of a plan' }).catch((cause: unknown) => {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw cause
  })
  return parsePlan(text.toString('utf8'), shown, payloads && makePayload(payloads))
}

/** Hashes of the files of a model, its own first. */
export async function hashesOf(files: readonly string[]): Promise<ModelHashes> {
  await using hashing = hashFiles(files)
  return await hashing.digest()
}

/** The first file whose hash is not that of the plan: 0 is the model's own. Undefined where all are. */
export function differenceOf(plan: Plan, hashes: ModelHashes): number | undefined {
  const [expected, actual] = [plan.model, hashes].map(allHashes)
  return Array.from({ length: Math.max(expected!.length, actual!.length) }, (_, i) => i).find((i) => expected![i] !== actual![i])
}

/** Throws a Failure where a model is not the one that a plan was made for. */
export function refuseOther(plan: Plan, hashes: ModelHashes, shown: { model: string; planPath: string }): void {
  const at = differenceOf(plan, hashes)
  if (at === undefined) return
  const [expected, actual] = [plan.model, hashes].map((each) => short(allHashes(each)[at]))
  const what = at === 0 ? shown.model : `${hashes.external?.[at - 1]?.name ?? 'the external data'} of ${shown.model}`
  throw usage(
    `pare replay: ${shown.planPath} was made for ${plan.model.path} with SHA-256 ${expected}, and ${what} has ${actual}.`,
    `give the model that the plan was made for, or make a new plan: pare plan ${shown.model}; for the same zeros in a model with other numbers, such as one that was trained on: pare replay PLAN MODEL --like ORIGINAL`,
  )
}

function allHashes({ sha256, external = [] }: ModelHashes): readonly string[] {
  return [sha256, ...external.map((data) => data.sha256)]
}

const short = (hash: string | undefined) => (hash === undefined ? 'none' : `${hash.slice(0, 12)}…`)
