import { METRICS } from './first-party.js'

/** Names of all metrics that come with this package, as printed in messages and help. */
export const METRIC_NAMES: readonly string[] = Object.keys(METRICS)
