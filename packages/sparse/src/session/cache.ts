import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { readRegular, writeWhole } from '@pare/onnx'
import type { SessionPlan } from './plan.js'

/** Plans of earlier sessions: one file for a model on a machine. */
export interface Cache {
  find(shapes: string): SessionPlan | undefined
  keep(plan: SessionPlan): Promise<void>
}

export interface CacheKey {
  /** SHA-256 of the model. */
  readonly model: string
  readonly threads: number
  readonly onnxruntime: string
  /** What else changes which way is faster. */
  readonly settings: string
}

const VERSION = 2

/** What a cached plan says is trusted as a choice between two ways that give the same results. A file that cannot be read counts as none. */
export async function openCache(folder: string, key: CacheKey): Promise<Cache> {
  const [cpu] = cpus()
  const machine = [cpu?.model, cpus().length, process.arch, process.platform, process.version]
  const name = createHash('sha256')
    .update(JSON.stringify([VERSION, key, machine]))
    .digest('hex')
  const path = join(folder, `${name.slice(0, 32)}.json`)
  const plans = new Map<string, SessionPlan>((await readPlans(path)).map((plan) => [plan.shapes, plan]))
  return {
    find: (shapes) => plans.get(shapes),
    async keep(plan) {
      plans.set(plan.shapes, plan)
      await mkdir(folder, { recursive: true })
      await writeWhole(path, JSON.stringify([...plans.values()], null, 1))
    },
  }
}

async function readPlans(path: string): Promise<SessionPlan[]> {
  try {
    const plans: unknown = JSON.parse((await readRegular(path)).toString('utf8'))
    return Array.isArray(plans) && plans.every(isPlan) ? plans : []
  } catch {
    return []
  }
}

function isPlan(plan: unknown): plan is SessionPlan {
  const { kind, shapes, sparse, layers } = plan as SessionPlan
  return (kind === 'sparse' || kind === 'dense') && typeof shapes === 'string' && Array.isArray(sparse) && Array.isArray(layers)
}
