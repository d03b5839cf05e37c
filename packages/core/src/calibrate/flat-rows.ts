import type { GraphWriter } from '@pare/onnx'
import type { StatisticSite } from './site.js'

/**
 * A value as [rows, positions]: the axes of the site last, as one, all others as another. What matrices of a stack meet alike stands there once for each of them. `rank`: of the value.
 */
export function flatRows(
  writer: GraphWriter,
  value: string,
  { axes, stack, rank }: Pick<StatisticSite, 'axes' | 'stack'> & { readonly rank: number },
): string {
  const all = Math.max(rank, ...axes.map((axis) => -axis))
  const last = axes.map((axis) => (axis < 0 ? axis + all : axis))
  const each = stack === undefined ? value : repeated(stack)
  const perm = [...Array.from({ length: all }, (_, i) => i).filter((i) => !last.includes(i)), ...last]
  const turned = perm.every((axis, i) => axis === i) ? each : writer.node('Transpose', [each], { perm: perm.map(BigInt) })
  return writer.node('Flatten', [turned], { axis: BigInt(all - last.length) })

  function repeated(counts: readonly number[]): string {
    const sizes = Array<number>(all).fill(1)
    for (const [i, count] of counts.entries()) sizes[last[i]!] = count
    return writer.node('Expand', [value, writer.ints(sizes)])
  }
}
