import type { NdArray } from '../data/ndarray.js'

/** Whether the array holds text. */
export function isText({ type }: NdArray): boolean {
  return (type as string) === 'string'
}

/** Its texts, in order. */
export function textsOf(array: NdArray): readonly string[] {
  return array.data as unknown as readonly string[]
}

/** Texts as an array: a name, or an answer, for each sample. */
export function textArray(texts: readonly string[]): NdArray {
  return { type: 'string', shape: [texts.length], data: texts } as unknown as NdArray
}

/** Several answers to each prompt, [prompts, draws]. */
export function drawnArray(texts: readonly string[], draws: number): NdArray {
  return { ...textArray(texts), shape: [texts.length / draws, draws] }
}

/** Several ways to write each answer, [samples, most ways]: where there are fewer, the last stands again. */
export function waysArray(ways: readonly (readonly string[])[]): NdArray {
  const width = ways.reduce((most, { length }) => Math.max(most, length), 1)
  const data = ways.flatMap((own) => Array.from({ length: width }, (_, i) => own[i] ?? own.at(-1)!))
  return { type: 'string', shape: [ways.length, width], data } as unknown as NdArray
}
