import type { Model } from '@pare/onnx'
import { randomCnn } from './cnn.test.support.js'
import { choicesFrom } from './graph-text.test.support.js'
import { type Tried, tryLaws } from './laws.test.support.js'
import { randomTransformer } from './transformer.test.support.js'

export type Kind = 'cnn' | 'transformer'

/** A random valid graph of `steps` blocks, the same every time. */
export function randomGraph(kind: Kind, seed: number, steps: number): Model {
  const choices = choicesFrom(seed)
  return kind === 'cnn' ? randomCnn(choices, 2 * steps) : randomTransformer(choices, steps)
}

/** Tries the laws on a random graph at two sizes of whatever is dynamic. */
export function tryRandomGraph(kind: Kind, seed: number, steps: number): Promise<Tried> {
  const sizes = [
    { N: 1, S: 3, H: 8, W: 16 },
    { N: 3, S: 5, H: 16, W: 8 },
  ]
  return tryLaws(randomGraph(kind, seed, steps), { choices: choicesFrom(seed + 1), sizes })
}
