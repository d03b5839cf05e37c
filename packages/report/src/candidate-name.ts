/** What tells a candidate of a search for the smallest model from others. */
interface Named {
  readonly ratio: number
  readonly ratios?: readonly number[] | undefined
  readonly bits: string
}

/** 'ratio 0.52, int4'; 'ratios 0 / 0.4, int8' where they differ by step. */
export function candidateName({ ratio, ratios, bits }: Named): string {
  const pruned = ratio === 0 ? 'unpruned' : ratios === undefined ? `ratio ${ratio}` : `ratios ${ratios.join(' / ')}`
  return bits === 'none' ? pruned : `${pruned}, ${bits}`
}

/** Whether they are the same candidate. */
export function isSame(one: Named, other: Named | undefined): boolean {
  return other !== undefined && one.bits === other.bits && String(one.ratios ?? one.ratio) === String(other.ratios ?? other.ratio)
}
