import { figure, formatBytes, plural } from '@pare/gate'
import { suggest } from '@pare/onnx/suggest'
import { stringify } from 'yaml'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { type ModelRecipe, RECIPES, type RecipeMeasurement } from '../recipes/recipes.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

/** `pare recipe`: what there is, and what it made of test models. `pare recipe NAME`: its config, to be pasted. */
export async function recipe(context: Context, [name]: readonly string[], values: OptionValues): Promise<number> {
  if (name === undefined) {
    answer(context, { schemaVersion: 1, command: 'recipe', recipes: RECIPES })
    say(context, RECIPES, (all) => [...all.map(describe), CLOSING].join('\n\n'))
    return EXIT.pass
  }
  const one = RECIPES.find((each) => each.name === name)
  if (one === undefined) {
    const names = RECIPES.map((each) => each.name)
    const guess = suggest(name, names)
    throw usage(
      `pare recipe: there is no recipe '${name}'.`,
      `${guess === undefined ? '' : `did you mean '${guess}'? `}there are: ${names.join(', ')}`,
    )
  }
  const config = configOf(one)
  const { format = 'yaml' } = ownOf('recipe', values)
  answer(context, { schemaVersion: 1, command: 'recipe', name: one.name, config })
  say(context, config, (shown) => (format === 'json' ? JSON.stringify(shown, null, 2) : yamlOf(one, shown)))
  return EXIT.pass
}

/** With places for the user's own files. */
export function configOf({ config, metric, maxDrop }: ModelRecipe): object {
  return {
    models: [{ path: 'model.onnx' }],
    ...config,
    evaluate: { data: 'evaluate.npz', metric },
    gate: { maxDrop },
  }
}

const CLOSING = `Zipped sizes are those of gzip. A recipe is a config: print it with pare recipe NAME, put your files in the place of those that it names,
and let pare run judge what comes out. Other models bear more or less: with target: { maxDrop: 0.01 } in a step Pare finds how much.`

function describe({ name, for: whom, does, takes, measured }: ModelRecipe): string {
  return [
    name,
    `  for       ${whom}`,
    `  does      ${does}`,
    `  takes     ${takes}`,
    ...measured.map((one, i) => `  ${i === 0 ? 'measured' : '        '}  ${describeMeasurement(one)}`),
  ].join('\n')
}

/** 'kjv-bert: accuracy 0.8325 → 0.8358, 4.03 MB → 516 kB zipped, 7.8 times smaller, 34 s of a CPU' */
function describeMeasurement({ model, metric, before, after, zipped, cpuSeconds, note }: RecipeMeasurement): string {
  const [from, to] = zipped
  const facts = [
    `${metric} ${figure(before)} → ${figure(after)}`,
    `${formatBytes(from)} → ${formatBytes(to)} zipped`,
    `${(from / to).toFixed(1)} times smaller`,
    `${plural(Math.round(cpuSeconds), 'second')} of one CPU`,
  ]
  return `${model}: ${facts.join(', ')}${note === undefined ? '' : `. ${note}`}`
}

function yamlOf({ name, for: whom, does, takes, measured }: ModelRecipe, config: object): string {
  const head = [
    `${name}: for ${whom}.`,
    does,
    `Takes ${takes}.`,
    ...measured.map((one) => `Measured on ${describeMeasurement(one)}`),
    'Put your own files in the place of model.onnx and *.npz.',
  ]
  return `${head.map((line) => `# ${line.replaceAll('\u00a0', ' ')}\n`).join('')}${stringify(config, { lineWidth: 0 }).trimEnd()}`
}
