import { html, type Markup } from '../escape.js'
import { figure } from '../figures.js'

/** Where a value lies, from 0 to 100. */
export interface AxisScale {
  (value: number): number
  readonly low: number
  readonly high: number
}

/** A scale on which all values have room. */
export function scaleOver(values: readonly number[]): AxisScale {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const margin = (most - least || 1) * 0.08
  const [low, high] = [least - margin, most + margin]
  return Object.assign((value: number) => (100 * (value - low)) / (high - low), { low, high })
}

/** Three to six round values below the scale, each with the digits that tell it from the next. */
export function ticks(scale: AxisScale): Markup[] {
  const raw = (scale.high - scale.low) / 4
  const unit = 10 ** Math.floor(Math.log10(raw))
  const step = unit * ([1, 2, 5].find((factor) => factor * unit >= raw * 0.65) ?? 10)
  const decimals = Math.max(0, -Math.floor(Math.log10(step)))
  const marks: Markup[] = []
  for (let k = Math.ceil(scale.low / step); k * step <= scale.high; k++) {
    const x = scale(k * step)
    if (x < 4 || x > 96) continue
    marks.push(
      html`<line class="tick" x1="${at(x)}" x2="${at(x)}" y1="64" y2="69"/><text class="tick" x="${at(x)}" y="84" text-anchor="middle">${figure(Number((k * step).toFixed(decimals)), 15)}</text>`,
    )
  }
  return marks
}

/** For an attribute of a drawing. */
export function at(percentage: number): string {
  return `${percentage.toFixed(3)}%`
}
