/** Beyond so many times the limit a drop lies on the edge. */
const MOST = 4
/** Pixels that two labels above one another need. */
export const APART = 14

export interface DropScale {
  /** The pixel of a drop, the largest at the top. */
  y(drop: number): number
  /** Drops that are named beside the drawing, no two of which touch: the limit first. */
  readonly levels: readonly number[]
  /** The drop on the upper edge, where some lie beyond it. */
  readonly beyond: number | undefined
}

/** Drops upwards, on `height` pixels from `top` on. What loses far more than the limit lies on the edge, and does not flatten the others. */
export function dropScale(
  drops: readonly number[],
  { limit, top, height }: { readonly limit: number | undefined; readonly top: number; readonly height: number },
): DropScale {
  const edge = limit === undefined || limit <= 0 ? Number.POSITIVE_INFINITY : MOST * limit
  const low = Math.max(-edge, Math.min(0, ...drops))
  const high = Math.max(limit ?? 0, Math.min(edge, Math.max(...drops)), low + Number.MIN_VALUE)
  const y = (drop: number) => top + height * (1 - (Math.min(high, Math.max(low, drop)) - low) / (high - low || 1))
  const levels: number[] = []
  for (const value of [limit, 0, high, low])
    if (value !== undefined && levels.every((other) => Math.abs(y(other) - y(value)) >= APART)) levels.push(value)
  return { y, levels, beyond: drops.some((drop) => drop > high) ? high : undefined }
}

/** Those that no other beats in bytes and drop, by bytes. */
export function frontOf<Point extends { readonly bytes: number; readonly drop: number }>(
  points: readonly Point[],
): readonly Point[] {
  const bySize = [...points].sort((a, b) => a.bytes - b.bytes || a.drop - b.drop)
  let least = Number.POSITIVE_INFINITY
  return bySize.filter(({ drop }) => {
    const isBetter = drop < least
    if (isBetter) least = drop
    return isBetter
  })
}
