// node bench/coverage.mjs (after a build): the worst coverage of the paired interval for proportions, by enumerating all outcomes, over a fine grid
// of true discordance and its split. `two` is to stay at or above the level, `upper` (the chance that a drop is larger than its upper limit) at or
// below half of the rest: that limit is what `certainty` uses.
import { coverage, intervalAt } from '../dist/coverage.test.data.js'

for (const level of [0.8, 0.9, 0.95, 0.98]) {
  const interval = intervalAt(level)
  for (const n of [10, 20, 50, 100, 200, 500]) {
    const worst = { two: 1, upper: 0 }
    for (let exponent = -3.3; exponent <= -0.05; exponent += 0.05) {
      for (const split of [0, 0.05, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1]) {
        const discordance = 10 ** exponent
        const found = coverage(interval, {
          n,
          lost: discordance * split,
          gained: discordance * (1 - split),
        })
        worst.two = Math.min(worst.two, found.covered)
        worst.upper = Math.max(worst.upper, found.above)
      }
    }
    console.log(
      `level ${level}  n ${String(n).padStart(4)}  two ${worst.two.toFixed(4)}  upper ${worst.upper.toFixed(4)} (allowed ${((1 - level) / 2).toFixed(3)})`,
    )
  }
}
