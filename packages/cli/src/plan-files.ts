import { readFile } from 'node:fs/promises'
import { formatPlan, type Plan, parsePlan, planPayloads } from '@pare/core'
import { chunks, makePayload, type Payload, writeWhole } from '@pare/onnx'
import { usage } from './failure.js'

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

/** Reads a plan back. `shown` is what messages call it. */
export async function readPlan(path: string, shown: string): Promise<Plan> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw usage(
      `pare replay: the plan ${shown} cannot be read (${cause.code}).`,
      'make one with: pare plan MODEL --sparsity 0.5',
      cause,
    )
  })
  const payloads = await readFile(payloadPath(path)).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined
    throw usage(`pare replay: ${payloadPath(shown)} cannot be read (${cause.code}).`, 'check the file', cause)
  })
  return parsePlan(text, shown, payloads && makePayload(payloads))
}
