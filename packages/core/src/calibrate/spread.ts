import { PareError } from '@pare/onnx'
import type { Floats } from '../backend/backend.js'
import type { Rows, Statistic } from '../contract/contract.js'

/** A statistic that a weight meets: one number for each thing that it sums over, for each output, or of a gradient for each element. */
export interface SpreadStatistic {
  readonly at: Statistic['at']
  readonly values: Float64Array
}

/**
 * target[i] = what element `start + i` of a weight meets. Values of an input are told apart by column of the weight as a matrix, of a stack
 * of matrices by matrix and column, of a grouped convolution by group and column, of a ConvTranspose by input channel; values of an output by row.
 */
export function spread(rows: Rows, statistic: SpreadStatistic, start: number, target: Floats): void {
  const { before, out, after } = rows
  checkLength(rows, statistic)
  if (statistic.at === 'gradient') return target.set(statistic.values.subarray(start, start + target.length))
  const indexOf = indexing(rows, statistic)
  let a = start % after
  let r = Math.floor(start / after) % out
  let i = Math.floor(start / (after * out)) % before
  let b = Math.floor(start / (after * out * before))
  for (let e = 0; e < target.length; e++) {
    target[e] = statistic.values[indexOf(b, i, r, a)]!
    if (++a < after) continue
    a = 0
    if (++r < out) continue
    r = 0
    if (++i < before) continue
    i = 0
    b++
  }
}

/** Statistics may come from a file, made by a stranger or for another model. */
function checkLength({ batch, before, out, after }: Rows, { at, values: { length } }: SpreadStatistic): void {
  const groups = length / (before * after)
  const fits =
    at === 'gradient'
      ? length === batch * before * out * after
      : at === 'output'
        ? length === out || length === batch * out
        : length === batch * before ||
          length === batch * before * after ||
          (Number.isInteger(groups) && groups > 0 && out % groups === 0)
  if (fits) return
  throw new PareError(
    `a weight with ${out} outputs of ${before * after} elements each meets ${length} numbers, which does not fit.`,
    {
      hint: 'the statistics are of another model: measure them again with pare calibrate.',
    },
  )
}

type Indexing = (batch: number, before: number, row: number, after: number) => number

function indexing({ batch, before, out, after }: Rows, { at, values: { length } }: SpreadStatistic): Indexing {
  if (at === 'output') return length === batch * out ? (b, _i, r) => b * out + r : (_b, _i, r) => r
  const columns = before * after
  if (length === batch * before) return (b, i) => b * before + i
  if (length === batch * columns) return (b, i, _r, a) => b * columns + i * after + a
  const groups = length / columns
  if (groups === 1) return (_b, i, _r, a) => i * after + a
  const rowsOfGroup = out / groups
  return (_b, i, r, a) => Math.floor(r / rowsOfGroup) * columns + i * after + a
}
