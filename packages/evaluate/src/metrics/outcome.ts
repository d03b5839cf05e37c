import type { MetricNeeds } from '@pare/metric'
import type { Batch } from '../data/dataset.js'
import type { NdArray } from '../data/ndarray.js'

/** How outputs and labels are to be read, where that does not show. */
export interface ReadingOptions {
  /** The axis of the output that counts the classes, 0 being the samples'; −1 is the last. */
  readonly classAxis?: number
  /** How many numbers stand before the first class on that axis, such as the four of a box. Default: 0 */
  readonly firstClass?: number
  /** Labels of places that do not count. Default: −100, and of pixels 255 */
  readonly ignore?: readonly number[]
  /** Names of the classes in their order: what labels that are names mean. */
  readonly names?: readonly string[]
}

/** What is known while a data set is read, over all batches and both models. */
export interface ReadingContext extends ReadingOptions {
  /** Numbers of names that are met. */
  readonly numberOf: (name: string) => number
  /** All names that are known or were met, in the order of their numbers. */
  readonly metNames: () => readonly string[]
  /** Texts of a row of token ids, where a tokenizer is named. */
  readonly decode?: (ids: readonly number[]) => string
  /** Bytes of text that a token stands for. */
  readonly bytesOf?: (token: number) => number
}

/** What came out for a batch. */
export interface BatchOutcome {
  readonly batch: Batch
  /** Name of the output that is measured. */
  readonly name: string
  /** [size, …]; may hold more rows than the batch has samples, which are left out. */
  readonly output: NdArray
  /** All outputs by name, where a metric looks at more than one. */
  readonly outputs?: Readonly<Record<string, NdArray>>
  readonly reference?: NdArray
  readonly context?: ReadingContext
}

/** An outcome for one metric. */
export interface NeededOutcome extends BatchOutcome {
  readonly needs: MetricNeeds
  readonly context: ReadingContext
}

/** Names are numbered as they are met, those that are known first. */
export function startContext(
  options: ReadingOptions = {},
  tokenizer: Pick<ReadingContext, 'decode' | 'bytesOf'> = {},
): ReadingContext {
  const numbers = new Map((options.names ?? []).map((name, i) => [name, i]))
  const numberOf = (name: string) => {
    const number = numbers.get(name) ?? numbers.size
    numbers.set(name, number)
    return number
  }
  return { ...options, ...tokenizer, numberOf, metNames: () => [...numbers.keys()] }
}
