import type { PixelRun } from './run-lengths.js'

/** Parts of a pixel that a boundary is drawn with. */
const FINER = 5

/** The image in which a polygon lies. */
export interface PolygonFrame {
  readonly width: number
  readonly height: number
}

/** Steps that the boundary of a polygon takes. `corners` are x and y in turn, in pixels. */
export function boundarySteps(corners: readonly number[]): number {
  const [x, y] = gridOf(corners)
  return x.reduce((sum, own, i) => sum + stepsTo([own, y[i]!], [x[(i + 1) % x.length]!, y[(i + 1) % x.length]!]) + 1, 0)
}

/**
 * The pixels of a polygon, down the columns, by the rule of pycocotools (`rleFrPoly`): the boundary is walked on a grid five times as fine, and where it crosses the middle of a column the pixels
 * below it change from out to in, or back. `corners` are x and y in turn, in pixels of the image.
 */
export function polygonRuns(corners: readonly number[], frame: PolygonFrame): readonly PixelRun[] {
  const turns = turnsOf(boundaryOf(corners), frame).sort()
  const runs: PixelRun[] = []
  const pixels = frame.width * frame.height
  for (let i = 0; i < turns.length; i += 2) {
    const [from, to] = [turns[i]!, turns[i + 1] ?? pixels]
    if (to > from) runs.push([from, to])
  }
  return runs
}

function gridOf(corners: readonly number[]): readonly [x: readonly number[], y: readonly number[]] {
  const fine = corners.map((each) => Math.trunc(FINER * each + 0.5))
  return [fine.filter((_, i) => i % 2 === 0), fine.filter((_, i) => i % 2 === 1)]
}

type GridPoint = readonly [x: number, y: number]

function stepsTo([x, y]: GridPoint, [toX, toY]: GridPoint): number {
  return Math.max(Math.abs(x - toX), Math.abs(y - toY))
}

/** All points of the boundary on the finer grid: of each side one for each step along its longer direction, from the same end whichever way it is walked. */
function boundaryOf(corners: readonly number[]): { readonly u: Int32Array; readonly v: Int32Array } {
  const [x, y] = gridOf(corners)
  const count = boundarySteps(corners)
  const [u, v] = [new Int32Array(count), new Int32Array(count)]
  let at = 0
  for (let i = 0; i < x.length; i++) {
    const next = (i + 1) % x.length
    const [dx, dy] = [Math.abs(x[i]! - x[next]!), Math.abs(y[i]! - y[next]!)]
    const isAcross = dx >= dy
    const isTurned = isAcross ? x[i]! > x[next]! : y[i]! > y[next]!
    const [from, to] = isTurned ? [next, i] : [i, next]
    const length = isAcross ? dx : dy
    const slope = length === 0 ? 0 : isAcross ? (y[to]! - y[from]!) / dx : (x[to]! - x[from]!) / dy
    for (let step = 0; step <= length; step++) {
      const t = isTurned ? length - step : step
      u[at] = isAcross ? t + x[from]! : Math.trunc(x[from]! + slope * t + 0.5)
      v[at] = isAcross ? Math.trunc(y[from]! + slope * t + 0.5) : t + y[from]!
      at++
    }
  }
  return { u, v }
}

/** Where the boundary crosses the middles of columns: the pixel from which on it is another side, counted down the columns. */
function turnsOf({ u, v }: ReturnType<typeof boundaryOf>, { width, height }: PolygonFrame): Float64Array {
  const turns = new Float64Array(u.length)
  let count = 0
  for (let i = 1; i < u.length; i++) {
    if (u[i] === u[i - 1]) continue
    const x = ((u[i]! < u[i - 1]! ? u[i]! : u[i]! - 1) + 0.5) / FINER - 0.5
    if (Math.floor(x) !== x || x < 0 || x > width - 1) continue
    const y = (Math.min(v[i]!, v[i - 1]!) + 0.5) / FINER - 0.5
    turns[count++] = x * height + Math.ceil(Math.min(Math.max(y, 0), height))
  }
  return turns.subarray(0, count)
}
