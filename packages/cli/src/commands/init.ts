import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeWhole } from '@pare/onnx'
import { type Draft, draftOf } from '../init/draft.js'
import { planProject } from '../init/plan-config.js'
import { askChoices, canAsk } from '../init/questions.js'
import { type ConfigFormat, renderConfig } from '../init/render.js'
import { exists, searchProject, textOf, usesLfs } from '../init/search.js'
import { WORKFLOW_PATH, workflowText } from '../init/workflow.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { usage } from '../terminal/failure.js'

/** Writes a config for the models and data found below the current folder, and the workflow that runs it. Never overwrites either. */
export async function init(context: Context, _: readonly string[], values: OptionValues): Promise<number> {
  const { io, flags } = context
  const { cwd } = io
  await refuseSecond(cwd)
  const { format = await usualFormat(cwd), yes = false } = ownOf('init', values)
  const files = await searchProject(cwd)
  const { models, unread } = await planProject(cwd, files)
  if (models.length === 0 && files.models.length > 0) {
    throw usage(
      `pare init: no model here can be read:\n${unread.map((line) => `  ${line}`).join('\n')}`,
      'mend or remove them, or go to the folder that holds yours; nothing was written',
    )
  }
  const workflow = await newWorkflow(cwd)
  const asks = !yes && !flags.json && !flags.quiet && canAsk(io)
  const choices = asks
    ? await askChoices(models, { io, workflow })
    : { models, pruning: 'half' as const, writesWorkflow: workflow !== undefined }
  const draft = await draftOf(choices)
  const lfs = await usesLfs(cwd, await filesOf(draft, files.media))
  const texts = new Map([[`pare.config.${format}`, renderConfig(draft, { format, schema: await schemaFor(cwd) })]])
  if (choices.writesWorkflow) texts.set(WORKFLOW_PATH, workflowText({ lfs }))
  const ignored = await ignoreText(cwd)
  if (ignored !== undefined) texts.set('.gitignore', ignored)
  io.signal.throwIfAborted()
  for (const [name, text] of texts) {
    await mkdir(dirname(join(cwd, name)), { recursive: true })
    await writeWhole(join(cwd, name), text)
  }
  const doubts = [...draft.doubts, ...unread]
  const data = choices.models.find(({ proposal }) => proposal !== undefined)?.proposal?.evaluate.data
  const summary = { written: [...texts.keys()], models: models.length === 0 ? [] : draft.models, data, doubts, format }
  answer(context, {
    schemaVersion: 1,
    command: 'init',
    config: { path: `pare.config.${format}` },
    models: summary.models.map(({ path }) => path),
    data,
    doubts,
    written: summary.written,
    workflow: workflowText({ lfs }),
  })
  say(context, summary, (shown) => summaryOf(shown, workflowText({ lfs })))
  return EXIT.pass
}

async function refuseSecond(cwd: string): Promise<void> {
  for (const extension of ['ts', 'mts', 'js', 'mjs', 'json', 'yaml', 'yml']) {
    const name = `pare.config.${extension}`
    if (await exists(join(cwd, name))) {
      throw usage(`pare init: ${name} is already here, in ${cwd}, and is not overwritten.`, 'edit it, or move it away first')
    }
  }
}

async function usualFormat(cwd: string): Promise<ConfigFormat> {
  return (await exists(join(cwd, 'tsconfig.json'))) ? 'ts' : 'yaml'
}

/** The path of the workflow where this is the top of a Git checkout, and there is none. */
async function newWorkflow(cwd: string): Promise<string | undefined> {
  return (await exists(join(cwd, '.git'))) && !(await exists(join(cwd, WORKFLOW_PATH))) ? WORKFLOW_PATH : undefined
}

/** The schema that is installed, else the published one. */
async function schemaFor(cwd: string): Promise<string> {
  const installed = './node_modules/@pare/cli/schema/config.schema.json'
  return (await exists(join(cwd, installed))) ? installed : 'https://unpkg.com/@pare/cli/schema/config.schema.json'
}

/** .gitignore with the folder of results; undefined where it has that, or where nothing is kept in Git. */
async function ignoreText(cwd: string): Promise<string | undefined> {
  const text = await textOf(join(cwd, '.gitignore'))
  if (text === undefined && !(await exists(join(cwd, '.git')))) return undefined
  if (text?.split(/\r?\n/).some((line) => /^(\*\*)?\/?pare-out\/?\**$/.test(line.trim()))) return undefined
  return `${text === undefined || text === '' || text.endsWith('\n') ? (text ?? '') : `${text}\n`}pare-out/\n`
}

/** Models and data that the config names; of a folder what lies in it. */
async function filesOf({ models }: Draft, media: readonly string[]): Promise<readonly string[]> {
  return models.flatMap(({ path, evaluate: { data = '', tokenizer = '' } }) => [
    path,
    data,
    tokenizer,
    ...media.filter((file) => file.startsWith(`${data}/`)),
  ])
}

interface Summary {
  readonly written: readonly string[]
  readonly models: readonly { readonly path: string }[]
  readonly data: string | undefined
  readonly doubts: readonly string[]
}

function summaryOf({ written, models, data, doubts }: Summary, workflow: string): string {
  const modelLine =
    models.length === 0
      ? 'No .onnx file was found: put the path of yours into it.'
      : `Models in it: ${models.map(({ path }) => path).join(', ')}.`
  const dataLine =
    data === undefined
      ? 'No data file was found that fits: put the path of yours into it.'
      : `Measured with: ${data} (check that this is evaluation data).`
  const doubtLines = doubts.length === 0 ? '' : `\nNot sure:\n${doubts.map((doubt) => `  ${doubt}\n`).join('')}`
  const workflowLines = written.includes(WORKFLOW_PATH)
    ? ''
    : `\nRun it on each pull request, as ${WORKFLOW_PATH}:\n\n${workflow.replace(/^(?=.)/gm, '  ')}`
  return `Wrote ${written.join(', ')}.
${modelLine}
${dataLine}
${doubtLines}
Run it here:
  npx pare run
${workflowLines}`
}
