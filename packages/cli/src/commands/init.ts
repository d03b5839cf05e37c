import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeWhole } from '@pare/onnx'
import { globFiles } from '../files/model-files.js'
import { showPath } from '../files/paths.js'
import type { CONFIG_FORMATS } from '../options/commands.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

type Format = (typeof CONFIG_FORMATS)[number]

/** Writes a config for the models and data found below the current folder. Never overwrites one. */
export async function init(context: Context, _: readonly string[], values: OptionValues): Promise<number> {
  const { cwd } = context.io
  await refuseSecond(cwd)
  const { format = await usualFormat(cwd) } = ownOf('init', values)
  const files = await look(cwd)
  const name = `pare.config.${format}`
  await writeWhole(join(cwd, name), render(format, files))
  answer(context, {
    schemaVersion: 1,
    command: 'init',
    config: { path: name },
    models: files.models,
    data: files.data,
    workflow: WORKFLOW,
  })
  say(context, files, (shown) => summary(name, shown))
  return EXIT.pass
}

interface ProjectFiles {
  readonly models: readonly string[]
  readonly data: string | undefined
}

async function refuseSecond(cwd: string): Promise<void> {
  for (const extension of ['ts', 'mts', 'js', 'mjs', 'json', 'yaml', 'yml']) {
    const name = `pare.config.${extension}`
    if (await exists(join(cwd, name))) {
      throw usage(`pare init: ${name} is already here, in ${cwd}, and is not overwritten.`, 'edit it, or move it away first')
    }
  }
}

async function usualFormat(cwd: string): Promise<Format> {
  return (await exists(join(cwd, 'tsconfig.json'))) ? 'ts' : 'yaml'
}

/** Models, and the data file whose name promises evaluation data most. */
async function look(cwd: string): Promise<ProjectFiles> {
  const options = { skip: ['pare-out', 'dist'], depth: 6 }
  const find = async (glob: string) => (await globFiles(glob, cwd, options)).map((path) => showPath(path, cwd))
  const models = (await find('**/*.onnx')).slice(0, 20)
  const data = await find('**/*.{npz,jsonl,csv}')
  const promising = [/eval/i, /val/i, /test/i].map((pattern) => data.find((path) => pattern.test(path)))
  return { models, data: promising.find((path) => path !== undefined) ?? data[0] }
}

function render(format: Format, { models, data = 'data/evaluate.npz' }: ProjectFiles): string {
  const paths = models.length > 0 ? models : ['models/model.onnx']
  const config = {
    prune: [{ structure: 'element', criterion: 'magnitude', target: { sparsity: 0.5 } }],
    evaluate: { data, metric: 'accuracy' },
    gate: { maxDrop: 0.01 },
    models: paths.map((path) => ({ path })),
  }
  switch (format) {
    case 'json':
      return `${JSON.stringify(config, null, 2)}\n`
    case 'ts':
      return `import { defineConfig } from '@pare/cli'\n\nexport default defineConfig(${JSON.stringify(config, null, 2).replace(/"(\w+)":/g, '$1:')})\n`
    case 'yaml':
      return yaml(paths, data)
    default:
      throw format satisfies never
  }
}

function yaml(paths: readonly string[], data: string): string {
  return `# What pare run does with each model.
prune:
  - { structure: element, criterion: magnitude, target: { sparsity: 0.5 } }
# What it is measured with before and after: the arrays are named after the model's inputs, plus 'label'.
evaluate: { data: ${JSON.stringify(data)}, metric: accuracy }
# How much of the metric may be lost.
gate: { maxDrop: 0.01 }
models:
${paths.map((path) => `  - path: ${JSON.stringify(path)}`).join('\n')}
`
}

const WORKFLOW = `name: pare
on: pull_request
permissions:
  contents: read
jobs:
  pare:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - uses: pare-dev/pare@v1
`

function summary(name: string, { models, data }: ProjectFiles): string {
  const modelLine =
    models.length === 0 ? 'No .onnx file was found: put the path of yours into it.' : `Models in it: ${models.join(', ')}.`
  const dataLine =
    data === undefined
      ? 'No data file was found: put the path of yours into it.'
      : `Measured with: ${data} (check that this is evaluation data).`
  return `Wrote ${name}.
${modelLine}
${dataLine}

Run it here:
  npx pare run

Run it on each pull request, as .github/workflows/pare.yml:

${WORKFLOW.replace(/^(?=.)/gm, '  ')}`
}

/** A link that leads nowhere is there too. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
