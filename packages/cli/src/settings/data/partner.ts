import type { EvaluateRequest } from '@pare/evaluate'
import { mayBeText } from '@pare/evaluate/choices'
import { present } from '@pare/onnx'
import { isEncoderDecoder } from '../../folder/encoder-decoder.js'
import type { Task } from '../task.js'
import type { EvaluationSettings, Partner } from './evaluation.js'

/** What is measured of a model, beside its partner where it has one. */
export function requestOf({ request, partner }: EvaluationSettings, model: string): EvaluateRequest {
  if (partner === undefined) return { ...request, model }
  return partner.role === 'encoder'
    ? { ...request, model, encoder: partner.path }
    : { ...request, model: partner.path, encoder: model }
}

/** What is measured of a reference: its partner is not pruned. */
export function referenceRequest(evaluation: EvaluationSettings, reference: string): EvaluateRequest {
  return requestOf(besideOriginal(evaluation), reference)
}

/** How a model is measured beside its partner as that was. */
export function besideOriginal({ partner, ...evaluation }: EvaluationSettings): EvaluationSettings {
  return { ...evaluation, ...(partner && { partner: { ...partner, path: partner.original } }) }
}

/** What is measured of a model and of its reference over the same samples. */
export function pairRequest(
  evaluation: EvaluationSettings,
  { model, reference }: { readonly model: string; readonly reference: string },
): EvaluateRequest {
  const { model: other, encoder } = referenceRequest(evaluation, reference)
  return { ...requestOf(evaluation, model), reference: other, ...present({ referenceEncoder: encoder }) }
}

/** Encoders and decoders of one folder are measured as one where all metrics ask them: neither answers alone. `pruning` are the tasks that prune, those themselves unless they judge on further data. */
export async function withPartners(tasks: readonly Task[], pruning = tasks): Promise<readonly Task[]> {
  return await Promise.all(
    tasks.map(async (task) => {
      const partner = await partnerOf(task, pruning)
      return partner === undefined ? task : beside(task, partner)
    }),
  )
}

/** The other half of an encoder with its decoder, where all metrics of its evaluation ask them. */
async function partnerOf({ path, folder, evaluation }: Task, pruning: readonly Task[]): Promise<Partner | undefined> {
  if (folder === undefined || evaluation === undefined || !isEncoderDecoder(folder)) return undefined
  const [encoder, decoder] = pruning.filter((each) => each.folder === folder)
  if (encoder === undefined || decoder === undefined || !(await isAsked(evaluation))) return undefined
  const [role, other] = path === decoder.path ? (['encoder', encoder] as const) : (['decoder', decoder] as const)
  return { role, path: other.path, original: other.path }
}

/** The task with all that is measured of it beside this partner. */
export function beside(task: Task, partner: Partner): Task {
  const { evaluation, smallest } = task
  return {
    ...task,
    evaluation: evaluation && { ...evaluation, partner },
    smallest: smallest && { ...smallest, evaluation: { ...smallest.evaluation, partner } },
  }
}

/** Of what is predicted of texts the evaluation says that there is none, which neither model can say alone. */
async function isAsked({ request: { data, metrics, modules } }: EvaluationSettings): Promise<boolean> {
  const { findMetric } = await import('@pare/evaluate')
  const all = await Promise.all(metrics.map((name) => findMetric(name, modules)))
  const isText = mayBeText(data)
  return all.every(({ needs: { read } }) => read === 'text' || read === 'choices' || (read === 'tokens' && isText))
}
