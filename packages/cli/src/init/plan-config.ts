import { join } from 'node:path'
import { type DataGlance, glanceAt } from '@pare/evaluate'
import { present } from '@pare/onnx'
import { readPooling } from '../settings/data/pooling.js'
import { isPareError } from '../terminal/failure.js'
import { fits } from './columns.js'
import type { ModelPlan } from './model-plan.js'
import type { Pairing } from './pairing.js'
import { propose } from './proposal.js'
import { id2labelBeside, type ProjectFiles, tokenizerFor } from './search.js'
import { planSet, setsAmong } from './sets.js'
import { readSignature } from './signature.js'

/** What can be said of a project, and what of its files could not be read. */
export interface ProjectPlan {
  /** Those that could be read. */
  readonly models: readonly ModelPlan[]
  /** Lines for people. */
  readonly unread: readonly string[]
}

/** Looks at each model and at each data set, and finds which fit. */
export async function planProject(cwd: string, files: ProjectFiles): Promise<ProjectPlan> {
  const unread: string[] = []
  const glances = new Map<string, DataGlance>()
  for (const path of files.data) {
    const glance = await orNote(() => glanceAt(join(cwd, path)), unread)
    if (glance !== undefined) glances.set(path, glance)
  }
  const models: ModelPlan[] = []
  const leftOut = (path: string) => (message: string) => `left out: ${message.replaceAll(join(cwd, path), path)}`
  const sets = await setsAmong(cwd, files.models)
  for (const set of sets) {
    const plan = await orNote(() => planSet(cwd, set, glances), unread, leftOut(set.encoder))
    if (plan !== undefined) models.push(plan)
  }
  const single = files.models.filter((path) => !sets.some((set) => path.startsWith(`${set.path}/`)))
  for (const path of single) {
    const signature = await orNote(() => readSignature(join(cwd, path)), unread, leftOut(path))
    if (signature === undefined) continue
    const fitting = [...glances].filter(([, glance]) => fits(signature, glance)).map(([name]) => name)
    const data = [...fitting].sort((a, b) => nearness(b, path) - nearness(a, path))
    const proposalFor = async (name: string) =>
      propose(await pairingOf(path, name, { cwd, files, unread, signature, glance: glances.get(name)! }))
    const [first] = data
    const proposal = first === undefined ? undefined : await proposalFor(first)
    models.push({ path, kind: signature.kind, data, proposalFor, ...present({ proposal }) })
  }
  return { models, unread }
}

interface Pair extends Pick<Pairing, 'signature' | 'glance'> {
  readonly cwd: string
  readonly files: ProjectFiles
  readonly unread: string[]
}

async function pairingOf(model: string, data: string, { cwd, files, signature, glance, unread }: Pair): Promise<Pairing> {
  const tokenizer = tokenizerFor(model, data, files)
  const id2label = await id2labelBeside([join(cwd, model), join(cwd, data)])
  const folder = await orNote(() => readPooling(join(cwd, model)), unread)
  return { signature, glance, data, ...present({ tokenizer, id2label, pooling: folder?.pooling }) }
}

/** Data in the folder of the model come before others that promise as much. */
function nearness(data: string, model: string): number {
  const folder = model.includes('/') ? model.slice(0, model.lastIndexOf('/') + 1) : ''
  return Number(folder !== '' && data.startsWith(folder))
}

/** A file that is not what its name says is no reason to write no config. */
async function orNote<T>(read: () => Promise<T>, unread: string[], line = (message: string) => message): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!isPareError(error)) throw error
    unread.push(line(error.message))
    return undefined
  }
}
