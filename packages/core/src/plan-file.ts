import { PareError } from '@pare/onnx'
import type { ModelFacts, Plan, PlanStep } from './plan.js'

/** The plan as text: one line a weight, so that two plans can be compared line by line. */
export function formatPlan(plan: Plan): string {
  const steps = plan.steps.map(formatStep).join(',\n')
  const { steps: _, ...head } = plan
  return `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "steps": [\n${steps}\n  ]\n}\n`
}

function formatStep(step: PlanStep): string {
  const list = step.kind === 'mask' ? 'weights' : 'groups'
  const lines = (step.kind === 'mask' ? step.weights : step.groups).map((entry) => `        ${JSON.stringify(entry)}`)
  const head = Object.entries(step).flatMap(([key, value]) =>
    key === list ? [] : [`      ${JSON.stringify(key)}: ${JSON.stringify(value)}`],
  )
  return `    {\n${head.join(',\n')},\n      "${list}": [\n${lines.join(',\n')}\n      ]\n    }`
}

/** Puts a plan together for the model it was made for. */
export function planOf(model: ModelFacts, seed: number, steps: readonly PlanStep[]): Plan {
  return { schemaVersion: 1, kind: 'plan', model, seed, steps }
}

/** Reads a plan back. `name` is what errors call it. */
export async function parsePlan(text: string, name: string): Promise<Plan> {
  const json = parseJson(text, name)
  if (depthOf(json) > MAX_DEPTH) throw new PareError(`${name}: nested more than ${MAX_DEPTH} deep; no plan is.`, HINT)
  const { planSchema } = await import('./plan-schema.js')
  const { success, data, error } = planSchema.safeParse(json)
  if (success) return data
  const problems = error.issues.slice(0, 10).map(({ path, message }) => `  ${path.join('.') || 'plan'}: ${message}`)
  throw new PareError(`${name} is not a plan this version can read:\n${problems.join('\n')}`, HINT)
}

const HINT = { hint: 'make one with: pare plan MODEL --sparsity 0.5' }
const MAX_DEPTH = 64

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new PareError(`${name} is not JSON: ${(cause as Error).message}.`, { ...HINT, cause })
  }
}

/** How deep a JSON value is nested, without recursion: a hostile plan may be nested as deep as it is long. */
function depthOf(json: unknown): number {
  let level: unknown[] = [json]
  let depth = 0
  for (; level.length > 0; depth++) {
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return depth
}
