import { expect, it } from 'vitest'
import { polygonRuns } from './polygons.js'
import { POLYGONS } from './polygons.test.support.js'
import { type PixelRun, runsOf } from './run-lengths.js'

it.each(POLYGONS)('a polygon in %i × %i pixels is what pycocotools makes of it: %#', (height, width, corners, counts) => {
  const pixels = (runs: readonly PixelRun[]) => {
    const all = new Uint8Array(height * width)
    for (const [from, to] of runs) all.fill(1, from, to)
    return all.join('')
  }
  const own = pixels(polygonRuns(corners, { width, height }))
  expect(own).toContain('1')
  expect(own).toBe(pixels(runsOf(counts, height * width, 'x')))
})
