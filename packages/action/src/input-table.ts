import { hyphened, markdown, type Option, optionsOf, withChoices } from '@pare/cli/options'

/** An input of the action: what action.yml and the README say of it. */
export interface Input {
  readonly description: string
  /** As action.yml has it. None where the config decides. */
  readonly default?: string
}

/** Options of `pare run` that are inputs too. They have no default here: the config decides. */
export const SHARED: readonly Option[] = optionsOf('run').filter(({ input }) => input === true)

export const CHOICES = {
  mode: ['run', 'plan', 'merge', 'report'],
  'fail-on': ['regression', 'error', 'never'],
  trust: ['auto', 'always', 'never'],
  comment: ['never', 'on-failure', 'on-change', 'always'],
  upload: ['none', 'report', 'models'],
} as const

/** What only the action has. */
const OWN: Readonly<Record<string, Input>> = {
  'working-directory': { description: 'Folder that paths start from', default: '.' },
  mode: {
    description:
      'run: prune, measure and judge, or with shard only what falls to this job. plan: say which of so many shards have something to do. merge: put together what shards left, and judge. report: write summary and comment of results that another run measured',
    default: 'run',
  },
  shard: { description: 'Of mode run: only one of several shards, e.g. 2/8, which is uploaded for mode merge' },
  shards: { description: 'Of mode plan: how many shards there are at most, from 1 to 256' },
  'shards-path': { description: 'Of mode merge: the folder that the artifacts of the shards were downloaded into' },
  results: { description: 'Of mode report: the results.json of another run, downloaded' },
  'fail-on': {
    description: 'What fails the step: regression (a failed gate or an error), error (only errors), never',
    default: 'regression',
  },
  trust: {
    description:
      'Whether code and native libraries of the workspace may be loaded: auto (not for code of a fork in pull_request_target, workflow_run, issue_comment), always, never',
    default: 'auto',
  },
  comment: {
    description:
      'Comment on the pull request, one a step, updated in place: never; on-failure: when the gate does not pass; on-change: when the gate does not pass or the pull request changes a file that the results may depend on, then when a verdict or a figure differs from what the comment shows; always. Needs pull-requests: write',
    default: 'never',
  },
  upload: {
    description: 'What goes into the artifact: none, report, models (the report and the pruned models)',
    default: 'report',
  },
  'artifact-name': {
    description: 'Name of the artifact; one that is taken gets a suffix',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's
    default: 'pare-${{ github.job }}-${{ strategy.job-index }}',
  },
  'retention-days': { description: "Days the artifact is kept. Default: the repository's setting" },
  'onnxruntime-path': {
    description:
      'Folder of an onnxruntime-node package to use instead of the one that is found or downloaded, e.g. where the runner has no network',
  },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of GitHub's
  'github-token': { description: 'Token for the comment', default: '${{ github.token }}' },
}

/** All inputs by name, in the order of action.yml. */
export function inputTable(): Readonly<Record<string, Input>> {
  const { config, ...shared } = Object.fromEntries(
    SHARED.map((option) => [hyphened(option.name), { description: describe(option) }]),
  )
  return { config: config!, models: { description: 'ONNX files or globs, one a line' }, ...shared, ...OWN }
}

/** Options are named without hyphens here. */
function describe({ help, schema, default: fallback }: Option): string {
  const text = withChoices(help, schema).replaceAll(/--(?=[a-z])/g, '')
  const notes = fallback === undefined ? '' : `. Default: ${fallback}`
  // What begins with a word that it explains, begins with that word.
  const begin = /^\S+:/.test(text) ? text.charAt(0) : text.charAt(0).toUpperCase()
  return `${begin}${text.slice(1)}${notes}`
}

/** `action.yml` with these inputs, and everything else as it is. */
export function withInputs(yml: string): string {
  const lines = Object.entries(inputTable()).map(([name, { description, default: fallback }]) =>
    [
      `  ${name}:`,
      `    description: ${JSON.stringify(description)}`,
      ...(fallback === undefined ? [] : [`    default: ${quoted(fallback)}`]),
    ].join('\n'),
  )
  return yml.replace(/(^inputs:\n)[\s\S]*?(?=\n\noutputs:)/m, `$1${lines.join('\n').replaceAll('$', '$$$$')}`)
}

/** What YAML would not read as text is quoted. */
function quoted(text: string): string {
  return /^[\w$]/.test(text) ? text : JSON.stringify(text)
}

/** The table of the README. */
export function inputsMarkdown(): string {
  const rows = Object.entries(inputTable()).map(([name, { description, default: fallback }]) => [
    `\`${name}\``,
    fallback === undefined ? '' : `\`${fallback}\``,
    description,
  ])
  return markdown(['input', 'default', ''], rows)
}
