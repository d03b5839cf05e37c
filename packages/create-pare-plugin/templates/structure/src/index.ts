import { PareError, type Structure, type Weight } from '@pare/core'

export interface MyPluginOptions {
  /** Weights with fewer elements stay as they are. Default: 16 */
  readonly least?: number
}

/** Single elements of the larger weights are units of pruning; small weights are left alone. Put your choice here. */
export function myPlugin({ least = 16 }: MyPluginOptions = {}): Structure {
  if (!(Number.isInteger(least) && least >= 1))
    throw new PareError(`my-plugin: least is ${least}; a whole number from 1 on was expected.`, {
      hint: 'my-plugin:least=16 is the default.',
    })
  return {
    name: 'my-plugin',
    // 'free': any element may go. 'nm': n of each m columns stay. 'tile': blocks go as a whole.
    pattern: 'free',
    find({ weights }) {
      const large = weights.filter((weight) => sizeOf(weight) >= least)
      const small = weights.filter((weight) => sizeOf(weight) < least)
      return {
        groups: large.map((weight) => ({ kind: 'mask', id: weight.id, weight, pattern: { kind: 'free' } })),
        // Nothing is passed over without a reason that the user can read.
        declined: small.map((weight) => ({
          ...{ id: weight.id, structure: 'my-plugin' },
          reason: `it has ${sizeOf(weight)} elements, fewer than ${least}`,
        })),
      }
    },
  }
}

export default myPlugin

function sizeOf({ tensor }: Weight): number {
  return tensor.shape.reduce((size, length) => size * length, 1)
}
