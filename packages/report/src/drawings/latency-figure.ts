import { html, type Markup } from '../escape.js'
import { figure, plural } from '../figures.js'
import type { ModelResult } from '../results/results.js'
import { allowedLine, zones } from './interval-figure.js'
import { at, scaleOver, ticks } from './scale.js'

/** The time of a run and its interval against that of the reference, and against what is allowed. */
export function latencyFigure({ latency, limits, verdict }: ModelResult): Markup | undefined {
  if (!latency) return undefined
  const { relative, interval, batch, threads, executionProvider } = latency
  const limit = limits?.maxLatency
  const scale = scaleOver([1, relative, ...interval, ...(limit === undefined ? [] : [limit])])
  const measured = `${figure(relative, 3)}× the time of the reference`
  const range = `95 % interval ${figure(interval[0], 3)} to ${figure(interval[1], 3)}`
  return html`<figure class="interval"><h3>Time of a run</h3>
<svg class="scale" role="img" aria-label="${measured}, ${range}${limit !== undefined && `, allowed ${figure(limit)}`}.">
${limit !== undefined && zones(scale(limit))}
${ticks(scale)}
<line class="zero" x1="${at(scale(1))}" x2="${at(scale(1))}" y1="24" y2="64"/>
${limit !== undefined && allowedLine(limit, scale(limit))}
<rect class="span" x="${at(scale(interval[0]))}" width="${at(scale(interval[1]) - scale(interval[0]))}" y="39" height="10" rx="5"/>
<circle class="point ${verdict}" cx="${at(scale(relative))}" cy="44" r="7.5"/>
</svg>
<figcaption><p class="legend"><span><svg class="key" aria-hidden="true"><circle class="point ${verdict}" cx="50%" cy="50%" r="6"/></svg>${measured}</span>
<span><svg class="key" aria-hidden="true"><rect class="span" width="100%" y="3" height="8" rx="4"/></svg>${range}</span>
<span><svg class="key" aria-hidden="true"><line class="zero" x1="50%" x2="50%" y2="100%"/></svg>1: as long as the reference</span></p>
<p>${speedText(interval)} Batch ${batch}, ${plural(threads, 'thread')}, ${executionProvider}.</p></figcaption>
</figure>`
}

function speedText([low, high]: readonly [number, number]): string {
  if (high < 1) return 'The pruned model is faster.'
  return low > 1 ? 'The pruned model is slower.' : 'Whether the pruned model is faster cannot be told: the interval holds 1.'
}
