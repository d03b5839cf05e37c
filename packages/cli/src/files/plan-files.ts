import { formatPlan, type Plan, parsePlan, planPayloads } from '@pare/core'
import { chunks, makePayload, type Payload, readRegular, systemCode, writeWhole } from '@pare/onnx'
import { usage } from '../terminal/failure.js'

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
