import type { DemandVerdict, Verdict } from '../measurement.js'

/** The verdict on a model: every demand must be met. Drop and resolution are those of the first demand. */
export function combined(demands: readonly DemandVerdict[]): Verdict {
  const [first] = demands
  const reasons = distinct(byUrgency(demands).flatMap((one) => one.reasons))
  const warnings = distinct(demands.flatMap(({ warnings = [] }) => warnings))
  return {
    verdict: ['fail', 'incomplete', 'pass'].find((kind) => demands.some(({ verdict }) => verdict === kind)) as Verdict['verdict'],
    summary: reasons.length > 0 ? reasons.join(' ') : passed(demands),
    reasons,
    ...(warnings.length > 0 && { warnings }),
    breaches: demands.flatMap(({ breaches }) => breaches),
    ...(first?.drop && { drop: first.drop }),
    ...(first?.resolution && { resolution: first.resolution }),
    demands,
  }
}

/** Broken demands first, of these the one that is broken by most. */
function byUrgency(demands: readonly DemandVerdict[]): DemandVerdict[] {
  const excess = ({ breaches }: DemandVerdict) => Math.max(0, ...breaches.map(excessOf))
  return [...demands].sort((a, b) => excess(b) - excess(a))
}

/** How many times what is allowed was measured. */
function excessOf({ limit, allowed, measured }: DemandVerdict['breaches'][number]): number {
  const times = limit === 'min' ? allowed / measured : measured / allowed
  return Number.isFinite(times) ? times : 1e9
}

function passed(demands: readonly DemandVerdict[]): string {
  if (demands.length === 1) return demands[0]!.summary
  return `All ${demands.length} demands are met. ${demands.map(({ summary }) => summary).join(' ')}`
}

function distinct(sentences: readonly string[]): string[] {
  return [...new Set(sentences)]
}
