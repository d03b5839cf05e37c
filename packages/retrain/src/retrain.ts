import { type Model, PareError } from '@pare/onnx'
import { checkLora } from './lora.js'
import { type DistillWeights, noTeacher } from './losses.js'
import { checkRecipe } from './recipe.js'
import { retrainBlocks } from './retrain-blocks.js'
import { type RetrainChildOptions, type RetrainOptions, type RetrainResult, retrainOnce } from './retrain-once.js'

/**
 * Trains the parameters of a model in a child process. Aborting `signal` ends it after the step that it is at: the promise is fulfilled with 'stopped' and the best weights so far. Throws PareError for
 * everything the user can act on, a native crash and a training that only does harm included.
 */
export async function retrain(model: Model, options: RetrainOptions, child: RetrainChildOptions = {}): Promise<RetrainResult> {
  checkRetraining(options)
  if (options.distill?.blocks === true) return await retrainBlocks(model, options, (...inputs) => retrainOnce(...inputs, child))
  return await retrainOnce(model, options, child)
}

/** Throws PareError where a training cannot be as it is wanted, as far as that shows before the model and the data are read. */
export function checkRetraining(options: Omit<RetrainOptions, 'data' | 'distill'> & { readonly distill?: DistillWeights }): void {
  const { distill, loss } = options
  checkRecipe(options)
  if (options.lora !== undefined) checkLora(options.lora, options.movement !== undefined)
  if (loss === 'kl' && distill === undefined) throw noTeacher(loss)
  if (distill?.blocks !== true || (distill.hidden ?? []).length > 0) return
  throw new PareError('retrain: block by block, and no hidden values say where blocks end.', {
    hint: "name values of both models: distill: { blocks: true, hidden: [['/layer.0/Add_1_output_0', '/layer.0/Add_1_output_0']] }.",
  })
}
