import { defineMetric, type Numbers } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { IMAGE_OPTIONS, imageNeeds, targetOf } from './parts/against.js'

/** Wang, Bovik, Sheikh, Simoncelli 2004: a Gaussian window of 11 × 11 with σ = 1.5. */
const WINDOW = 11
const SIGMA = 1.5

export const ssim = defineMetric({
  name: 'ssim',
  formula: 'mean over windows of 11 × 11 pixels of (2·μ·ν + c₁)(2·σ(x, y) + c₂) ÷ ((μ² + ν² + c₁)(σ²(x) + σ²(y) + c₂))',
  options: IMAGE_OPTIONS,
  create({ range, against }) {
    const needs = imageNeeds(against)
    return {
      better: 'higher',
      bounded: false,
      needs,
      of(sample) {
        const { rows, shape } = sample
        const [height = 0, width = 0] = shape.slice(-2)
        if (sample.at.length !== shape.reduce((product, size) => product * size, 1) || height < WINDOW || width < WINDOW) {
          throw new PareError(`metric 'ssim': an output of [${shape.join(', ')}] is no image of at least 11 × 11 pixels.`, {
            hint: 'name the output that is an image [channels, height, width]; psnr takes smaller ones.',
          })
        }
        const plane = height * width
        const target = targetOf(sample, needs)
        const planes = Array.from({ length: rows[0]!.length / plane }, (_, i) => [i * plane, (i + 1) * plane] as const)
        const values = planes.map(([from, to]) =>
          similarity(rows[0]!.subarray(from, to), target.subarray(from, to), { height, width, range }),
        )
        return values.reduce((sum, value) => sum + value, 0) / values.length
      },
      combine: 'mean',
    }
  },
})

interface Plane {
  readonly height: number
  readonly width: number
}

function similarity(x: Numbers, y: Numbers, { range, ...plane }: Plane & { readonly range: number }): number {
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2]
  const blur = (value: (i: number) => number) =>
    blurred(
      Float64Array.from(x, (_, i) => value(i)),
      plane,
    )
  const [mx, my] = [blur((i) => x[i]!), blur((i) => y[i]!)]
  const [xx, yy, xy] = [blur((i) => x[i]! ** 2), blur((i) => y[i]! ** 2), blur((i) => x[i]! * y[i]!)]
  let total = 0
  for (let i = 0; i < mx.length; i++) {
    const [a, b] = [mx[i]!, my[i]!]
    const top = (2 * a * b + c1) * (2 * (xy[i]! - a * b) + c2)
    total += top / ((a * a + b * b + c1) * (xx[i]! - a * a + (yy[i]! - b * b) + c2))
  }
  return total / mx.length
}

const GAUSSIAN = gaussian()

function gaussian(): readonly number[] {
  const raw = Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * SIGMA ** 2)))
  const sum = raw.reduce((total, value) => total + value, 0)
  return raw.map((value) => value / sum)
}

/** Only where the whole window lies in the plane. */
function blurred(values: Float64Array, { height, width }: Plane): Float64Array {
  const [rows, columns] = [height - WINDOW + 1, width - WINDOW + 1]
  const across = new Float64Array(height * columns)
  for (let i = 0; i < height; i++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < WINDOW; k++) across[i * columns + j]! += GAUSSIAN[k]! * values[i * width + j + k]!
  const down = new Float64Array(rows * columns)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      for (let k = 0; k < WINDOW; k++) down[i * columns + j]! += GAUSSIAN[k]! * across[(i + k) * columns + j]!
  return down
}
