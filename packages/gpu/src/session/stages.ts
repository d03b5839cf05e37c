import type { Model, ValueInfo } from '@pare/onnx'
import { type DenseStep, modelOfStep, stepsOf } from '@pare/sparse/graph'
import type { CreateSession } from '@pare/sparse/sessions'
import type * as Ort from 'onnxruntime-common'
import type { DevicePart, ModelParts } from './parts.js'
import type { Stage } from './record.js'

/** What runs one after another: a stage on the device, or a session of ONNX Runtime. */
export type StageStep = { readonly kind: 'device'; readonly stage: Stage } | { readonly kind: 'dense'; readonly step: DenseStep }

/** A model as stages on the device and as few stretches of ONNX Runtime between them as the order of nodes allows. */
export function stageSteps({ model, parts }: ModelParts): StageStep[] {
  const steps = stepsOf<DevicePart>(model, parts)
  const groups: (DenseStep | DevicePart[])[] = []
  for (const step of steps) {
    const last = groups.at(-1)
    if (step.kind === 'dense') groups.push(step)
    else if (Array.isArray(last)) last.push(step)
    else groups.push([step])
  }
  const outputs = new Set(model.graph.outputs.map(({ name }) => name))
  const readBy = (group: DenseStep | DevicePart[]) =>
    Array.isArray(group) ? group.flatMap(({ inputs }) => inputs) : group.inputs
  return groups.map((group, i) => {
    if (!Array.isArray(group)) return { kind: 'dense', step: group }
    const made = new Set(group.flatMap((part) => part.outputs))
    const readLater = new Set(groups.slice(i + 1).flatMap(readBy))
    return {
      kind: 'device',
      stage: {
        parts: group,
        inputs: [...new Set(readBy(group))].filter((name) => !made.has(name)),
        outputs: [...made].filter((name) => outputs.has(name) || readLater.has(name)),
      },
    }
  })
}

/** Where stretches between stages run. */
export interface SegmentRuntime {
  readonly createSession: CreateSession
  readonly infoOf: (names: readonly string[]) => Promise<(name: string) => ValueInfo | undefined>
}

interface Segments {
  readonly sessions: ReadonlyMap<DenseStep, Ort.InferenceSession>
  /** Of the values that cross. */
  readonly types: ReadonlyMap<string, string>
}

/** Sessions of ONNX Runtime for the stretches between, each made once. */
export async function openSegments(
  model: Model,
  steps: readonly StageStep[],
  { createSession, infoOf }: SegmentRuntime,
): Promise<Segments> {
  const dense = steps.flatMap((each) => (each.kind === 'dense' ? [each.step] : []))
  const sessions = new Map<DenseStep, Ort.InferenceSession>()
  const types = new Map<string, string>()
  if (dense.length === 0) return { sessions, types }
  const info = await infoOf([...new Set(dense.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]))])
  try {
    for (const step of dense) {
      const part = modelOfStep(model, step, (name) => {
        const value = info(name)
        if (value === undefined) throw new RangeError(`value '${name}' is no tensor, so it cannot cross between run times`)
        types.set(name, value.type ?? 'float32')
        return value
      })
      sessions.set(step, await createSession(part))
    }
  } catch (error) {
    for (const session of sessions.values()) await session.release()
    throw error
  }
  return { sessions, types }
}
