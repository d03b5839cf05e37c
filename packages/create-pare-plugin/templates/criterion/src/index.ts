import { type Criterion, PareError } from '@pare/core'

export interface MyPluginOptions {
  /** What is farthest from this value is kept. Default: 0 */
  readonly from?: number
}

/** Saliency = |w − from|: the elements with the lowest go first. Put your formula here. */
export function myPlugin({ from = 0 }: MyPluginOptions = {}): Criterion<Record<never, never>> {
  if (!Number.isFinite(from))
    throw new PareError(`my-plugin: from is ${from}; a finite number was expected.`, { hint: 'my-plugin:from=0 is the default.' })
  return {
    name: 'my-plugin',
    // What must be measured on data first. For the mean of x², x being what a weight is multiplied with:
    // needs: { squares: { at: 'input', of: (x, ops) => ops.square(x), reduce: 'mean' } }
    needs: {},
    saliency: ({ weight }, ops) => ops.abs(ops.subtract(weight, ops.constant(from))),
  }
}

export default myPlugin
