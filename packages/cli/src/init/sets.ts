import { basename, dirname, join } from 'node:path'
import { type DataGlance, type ModelValue, TRANSCRIPTS, tokenInput } from '@pare/evaluate'
import { isEncoderDecoder } from '../folder/encoder-decoder.js'
import { openModelFolder } from '../folder/model-folder.js'
import { isPareError } from '../terminal/failure.js'
import { setMetrics } from './metric-choice.js'
import type { ModelPlan } from './model-plan.js'
import type { Proposal } from './proposal.js'
import { readSignature } from './signature.js'

/** An encoder with its decoder in a folder, which are pruned and judged together. */
export interface ModelSet {
  /** The folder, from the project's. */
  readonly path: string
  readonly encoder: string
}

/** The sets among models of a project, whose paths start at it. What is no whole set stays models of their own. */
export async function setsAmong(cwd: string, models: readonly string[]): Promise<readonly ModelSet[]> {
  const folders = new Set(models.filter((path) => /encoder/.test(basename(path))).map(folderOf))
  const sets: ModelSet[] = []
  for (const path of folders) {
    if (path === '.') continue
    try {
      const folder = await openModelFolder(join(cwd, path))
      if (isEncoderDecoder(folder)) sets.push({ path, encoder: join(path, folder.models[0]!) })
    } catch (error) {
      if (!isPareError(error)) throw error
    }
  }
  return sets
}

/** Files of transformers.js lie in a folder onnx. */
function folderOf(model: string): string {
  const folder = dirname(model)
  return basename(folder) === 'onnx' ? dirname(folder) : folder
}

/** A set, and the data that ask it. Throws PareError where its encoder cannot be read. */
export async function planSet(
  cwd: string,
  { path, encoder }: ModelSet,
  glances: ReadonlyMap<string, DataGlance>,
): Promise<ModelPlan> {
  const { inputs } = await readSignature(join(cwd, encoder))
  const proposals = new Map<string, Proposal>()
  for (const [data, glance] of glances) {
    const metrics = setMetrics(asked(glance, inputs))
    const [first] = metrics
    if (first !== undefined) proposals.set(data, { evaluate: { data, metric: first.name }, metrics, doubts: [] })
  }
  const data = [...proposals.keys()]
  const [first] = proposals.values()
  return {
    ...{ path, kind: 'transformer', data, proposalFor: async (name: string) => proposals.get(name)! },
    ...(first !== undefined && { proposal: first }),
  }
}

/** What data ask an encoder of these inputs. */
function asked({ asking, columns }: DataGlance, inputs: readonly ModelValue[]): 'answers' | 'choices' | 'speech' | undefined {
  if (tokenInput(inputs) !== undefined) return asking === 'pairs' ? undefined : asking
  const has = (kind: 'sounds' | 'names', isOne = (_: string) => true) =>
    columns.some((column) => column.kind === kind && isOne(column.name))
  return has('sounds') && has('names', (name) => TRANSCRIPTS.includes(name)) ? 'speech' : undefined
}
