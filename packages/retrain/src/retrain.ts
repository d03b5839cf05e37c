import type { Model } from '@pare/onnx'
import { checkRecipe } from './recipe.js'
import { retrainBlocks } from './retrain-blocks.js'
import { type RetrainChildOptions, type Retrained, type RetrainOptions, retrainOnce } from './retrain-once.js'

/**
 * Trains the parameters of a model in a child process. Aborting `signal` ends it after the step that it is at: the promise is fulfilled with 'stopped' and the best weights so far. Throws PareError for
 * everything the user can act on, a native crash and a training that only does harm included.
 */
export async function retrain(model: Model, options: RetrainOptions, child: RetrainChildOptions = {}): Promise<Retrained> {
  checkRecipe(options)
  if (options.distill?.blocks === true) return await retrainBlocks(model, options, (...given) => retrainOnce(...given, child))
  return await retrainOnce(model, options, child)
}
