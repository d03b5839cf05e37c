import { formatCount } from '@pare/gate'
import type { Task } from '../../settings/task.js'
import type { DataPurpose, LookedAt } from '../first-look.js'

/** What other data hold of the evaluation data, by task: a sentence for each file that does, as far as samples were read. */
export async function repeatedSamples(seen: readonly LookedAt[]): Promise<ReadonlyMap<Task, readonly string[]>> {
  const { sharedSamples } = await import('@pare/evaluate')
  const sentences = new Map<Task, string[]>()
  for (const { task, purpose, data, look } of seen) {
    if (purpose === 'evaluation' || look === undefined) continue
    const evaluation = seen.find((each) => each.task === task && each.purpose === 'evaluation')
    if (evaluation?.look === undefined) continue
    const count = sharedSamples(evaluation.look, look)
    if (count === 0) continue
    const sentence = `${formatCount(count)} of the ${formatCount(evaluation.look.read)} evaluation samples that were looked at are in the ${purpose} data, too (${data}): ${MEANING[purpose]}, and the drop looks smaller than it is. Keep them apart.`
    sentences.set(task, [...(sentences.get(task) ?? []), sentence])
  }
  return sentences
}

const MEANING: Readonly<Record<Exclude<DataPurpose, 'evaluation'>, string>> = {
  training: 'what is learned by heart passes for what is understood',
  calibration: 'what stays was chosen and fitted to suit them',
  search: 'the model was chosen by how well it does on them',
}
