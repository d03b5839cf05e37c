import { PareError } from '@pare/onnx'

const DEFAULT_LENGTH = 256

/** A stretch of token ids; those before `from` are only context. */
export interface Window {
  readonly ids: readonly number[]
  /** Position of its first id in the text. */
  readonly start: number
  readonly from: number
}

/** Windows of at most `length` ids that start `stride` apart. No id is at or after `from` twice; what ends before two ids is left out. */
export function cutWindows(ids: readonly number[], length: number, stride: number): Window[] {
  const windows: Window[] = []
  for (let start = 0, done = 0; done < ids.length; start += stride) {
    const end = Math.min(start + length, ids.length)
    // Windows that do not overlap do not predict their first token: nothing comes before it.
    const from = Math.max(1, done - start)
    if (end - start > from) windows.push({ ids: ids.slice(start, end), start, from })
    done = end
  }
  return windows
}

export function windowSize({
  length,
  stride,
  fixedLength,
}: {
  readonly length?: number
  readonly stride?: number
  readonly fixedLength?: number | undefined
}) {
  const window = length ?? fixedLength ?? DEFAULT_LENGTH
  const step = stride ?? window
  if (!(Number.isInteger(window) && window >= 2) || (fixedLength !== undefined && window > fixedLength)) {
    throw new PareError(`text: windows of ${window} tokens; expected 2 to ${fixedLength ?? 'the longest the model takes'}.`, {
      hint: 'leave the length out to take what the model has.',
    })
  }
  if (!(Number.isInteger(step) && step >= 1 && step <= window)) {
    throw new PareError(`text: a stride of ${step} with windows of ${window}; expected 1 to ${window}.`, {
      hint: 'leave the stride out: windows then follow each other.',
    })
  }
  return { length: window, stride: step }
}
