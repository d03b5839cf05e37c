import { figure, formatBytes } from '@pare/gate'
import { markdown } from '../options/tables.js'
import { RECIPES } from './recipes.js'

/** What recipes made of test models, as `docs/recipes.md` shows it. */
export function recipeTable(): string {
  const head = ['recipe', 'test model', 'metric', 'zipped', 'of the file', 'CPU']
  return markdown(
    head,
    RECIPES.flatMap(({ name, measured }) =>
      measured.map(({ model, metric, before, after, bytes, zipped: [from, to], cpuSeconds }) => [
        `\`${name}\``,
        model,
        `${metric} ${figure(before)} → ${figure(after)}`,
        `${formatBytes(from)} → ${formatBytes(to)}`,
        `1/${(bytes / to).toFixed(1)} of ${formatBytes(bytes)}`,
        `${cpuSeconds < 60 ? `${Math.round(cpuSeconds)} s` : `${(cpuSeconds / 60).toFixed(1)} min`}`,
      ]),
    ),
  )
}
