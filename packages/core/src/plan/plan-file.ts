import { byteLength, elementCount, PareError, type Payload, parseJson, present, sha256 } from '@pare/onnx'
import type { CalibrationFacts, Folding, Plan, PlanStep, SourceFacts } from './plan.js'
import type { StoredPlan } from './stored-plan.js'

/** The plan as text: one line a weight, so that two plans can be compared line by line. Without the numbers that `planPayloads` gives. */
export function formatPlan(plan: Plan): string {
  let offset = 0
  const stored = plan.steps.map((step) => {
    if (step.kind !== 'update') return step
    const tensors = step.tensors.map(({ data, ...tensor }) => {
      offset += data.byteLength
      return { ...tensor, offset: offset - data.byteLength }
    })
    return { ...step, tensors }
  })
  const { steps: _, ...head } = plan
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "steps": [\n${stored.map(formatStep).join(',\n')}\n  ]\n}\n`
}

/** What stands in the file beside the plan's text, in order. None where nothing was computed. */
export function planPayloads({ steps }: Pick<Plan, 'steps'>): Payload[] {
  return steps.flatMap((step) => (step.kind === 'update' ? step.tensors.map(({ data }) => data) : []))
}

const LISTS = {
  mask: 'weights',
  cut: 'groups',
  update: 'tensors',
  permute: 'groups',
  smooth: 'values',
  quantise: 'weights',
  vocabulary: 'groups',
  store: 'weights',
} as const

function formatStep(step: StoredPlan['steps'][number]): string {
  const list = LISTS[step.kind]
  const entries = Object.entries(step)
  const lines = entries.flatMap(([key, value]) =>
    key === list ? (value as readonly unknown[]).map((entry) => `        ${JSON.stringify(entry)}`) : [],
  )
  const head = entries.flatMap(([key, value]) => (key === list ? [] : [`      ${JSON.stringify(key)}: ${JSON.stringify(value)}`]))
  return `    {\n${head.join(',\n')},\n      "${list}": [\n${lines.join(',\n')}\n      ]\n    }`
}

/** Puts a plan together for the model it was made for. */
export function planOf(
  model: SourceFacts,
  seed: number,
  steps: readonly PlanStep[],
  { calibration, folding }: { readonly calibration?: CalibrationFacts | undefined; readonly folding?: Folding | undefined } = {},
): Plan {
  return { schemaVersion: 1, kind: 'plan', model, seed, ...present({ calibration, folding }), steps }
}

/** Reads a plan back. `name` is what errors call it; `payloads` is the file beside it, needed where something was computed. */
export async function parsePlan(text: string, name: string, payloads?: Payload): Promise<Plan> {
  const json = jsonOf(text, name)
  const { planSchema } = await import('./plan-schema.js')
  const { success, data, error } = planSchema.safeParse(json)
  if (success) return { ...data, steps: await Promise.all(data.steps.map((step) => withPayloads(step, name, payloads))) }
  const problems = error.issues.slice(0, 10).map(({ path, message }) => `  ${path.join('.') || 'plan'}: ${message}`)
  throw new PareError(`${name} is not a plan this version can read:\n${problems.join('\n')}`, HINT)
}

async function withPayloads(step: StoredPlan['steps'][number], name: string, payloads: Payload | undefined): Promise<PlanStep> {
  if (step.kind !== 'update') return step
  const tensors = step.tensors.map(async ({ offset, ...tensor }) => {
    const bytes = byteLength(tensor.type, elementCount(tensor.shape))
    const data = payloads === undefined || offset + bytes > payloads.byteLength ? undefined : stretch(payloads, offset, bytes)
    if (data !== undefined && (await sha256(data)) === tensor.sha256) return { ...tensor, data }
    const problem = payloads === undefined ? 'is not there' : 'holds others'
    throw new PareError(`${name} needs the numbers of '${tensor.id}', and the file beside it ${problem}.`, {
      hint: 'keep a plan and its .bin file together; pare plan makes both.',
    })
  })
  return { ...step, tensors: await Promise.all(tensors) }
}

function stretch(payload: Payload, offset: number, byteLength: number): Payload {
  return { byteLength, read: (target, at) => payload.read(target, offset + at) }
}

const HINT = { hint: 'make one with: pare plan MODEL --sparsity 0.5' }

function jsonOf(text: string, name: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    const { message } = cause as Error
    throw new PareError(cause instanceof PareError ? `${name}: ${message}` : `${name} is not JSON: ${message}.`, {
      ...HINT,
      cause,
    })
  }
}
