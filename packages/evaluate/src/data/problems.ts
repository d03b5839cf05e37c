import { PareError } from '@pare/onnx'

/** One error that states everything wrong with `source`, a line each where there are several. */
export function problemsError(source: string, problems: readonly string[], hint: string): PareError {
  const message =
    problems.length === 1 ? `${source}: ${problems[0]}` : `${source}:\n${problems.map((line) => `  - ${line}`).join('\n')}`
  return new PareError(message, { hint })
}
