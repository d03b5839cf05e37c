import type { Comparison } from './compare.js'
import { figure, formatCount, plural, rough } from './figure.js'
import { setText } from './groups.js'
import type { Resolution } from './measurement.js'
import { proportionInterval } from './statistics/proportion.js'

/**
 * Whether this many samples can tell a drop as large as the one allowed from none. They can where the interval reaches no further from the
 * measured drop than `allowed`, or lies wholly on one side of it.
 */
export function resolve(comparison: Comparison, allowed: number): Resolution {
  const [low, high] = comparison.interval
  const smallest = reach(comparison)
  const set = setText(comparison.samples, comparison.grouping)
  if (low > allowed || high < allowed) {
    const side = low > allowed ? 'above' : 'below'
    return {
      resolves: true,
      smallest,
      message: `${set} settle it: the whole 95 % interval of the drop lies ${side} the allowed ${figure(allowed)}.`,
    }
  }
  if (smallest <= allowed) {
    const doubt = 'the interval still contains the allowed drop, so other samples might decide otherwise'
    return {
      resolves: true,
      smallest,
      message: `${set} resolve a drop of ${rough(smallest)}, finer than the allowed ${figure(allowed)}; ${doubt}.`,
    }
  }
  const enough = needed(comparison, allowed)
  const sides = comparison.tally ? `, ${comparison.tally.lost + comparison.tally.gained} of which changed sides,` : ''
  const cure = enough === undefined ? 'No number of samples would.' : `It would take about ${amount(enough, comparison)}.`
  const message = `${set}${sides} are too few to resolve a drop of ${figure(allowed)}: the smallest they resolve is ${rough(smallest)}. ${cure}`
  return {
    resolves: false,
    smallest,
    ...(enough !== undefined && (comparison.grouping ? { groups: enough } : { samples: enough })),
    message,
  }
}

/** '8,000 samples', '300 groups (document)'. */
function amount(enough: number, { grouping }: Comparison): string {
  return grouping === undefined ? plural(enough, 'sample') : `${formatCount(enough)} groups (${grouping.by})`
}

/** The longer arm of the interval. */
function reach({ value, interval: [low, high] }: Pick<Comparison, 'value' | 'interval'>): number {
  return Math.max(high - value, value - low)
}

/**
 * How many samples, of which as large a share changes sides or with differences as spread, would resolve a drop of `allowed`; where samples belong together, how
 * many groups as these. To two digits.
 */
function needed(comparison: Comparison, allowed: number): number | undefined {
  if (!(allowed > 0)) return undefined
  const { samples: n, tally, grouping } = comparison
  if (grouping) return twoDigits(grouping.sizes.length * (reach(comparison) / allowed) ** 2)
  if (!tally) return twoDigits(n * (reach(comparison) / allowed) ** 2)
  const armsAt = (count: number) => {
    const larger = { lost: (tally.lost / n) * count, gained: (tally.gained / n) * count, n: count }
    return reach({ value: comparison.value, interval: proportionInterval(larger, 0.95) })
  }
  let low = 1
  let high = 1e9
  if (armsAt(high) > allowed) return undefined
  while (high / low > 1.005) {
    const middle = Math.sqrt(low * high)
    if (armsAt(middle) > allowed) low = middle
    else high = middle
  }
  return twoDigits(high)
}

function twoDigits(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(count)) - 1)
  return Math.ceil(count / unit) * unit
}
