import { Writable } from 'node:stream'
import { type Io, isInteractive } from '../terminal/io.js'
import { visible } from '../terminal/visible.js'
import { type DraftChoices, type Pruning, presetFor } from './draft.js'
import type { ModelPlan } from './model-plan.js'
import type { Proposal } from './proposal.js'

/** Whether there is somebody who can answer. */
export function canAsk(io: Io): boolean {
  return io.stdin?.isTTY === true && isInteractive(io.stderr, io.env)
}

/** What is asked of a person: which data, which metric, what goes, and whether the workflow is written. Throws an AbortError where it is broken off. */
export async function askChoices(
  models: readonly ModelPlan[],
  { io, workflow }: { readonly io: Io; readonly workflow: string | undefined },
): Promise<DraftChoices & { readonly writesWorkflow: boolean }> {
  const ask = await asker(io)
  const chosen =
    models.length > 1
      ? await ask.several(
          'Which models?',
          models.map(({ path }) => path),
        )
      : undefined
  const own: (ModelPlan & { readonly proposal?: Proposal })[] = []
  for (const model of models.filter(({ path }) => chosen?.includes(path) ?? true)) {
    own.push({ ...model, ...(await measuring(model, ask)) })
  }
  const preset = presetFor(own)
  const pruning: Pruning =
    preset === undefined
      ? 'half'
      : await ask.one('What may go?', [
          { value: 'half', label: 'half of the weights', hint: 'they become zero: a smaller file when zipped' },
          {
            value: preset,
            label: preset === 'cnn' ? 'channels' : 'heads and neurons',
            hint: 'smaller and faster; it costs more accuracy',
          },
        ])
  const writesWorkflow = workflow !== undefined && (await ask.whether(`Write ${workflow}, which runs it on each pull request?`))
  return { models: own, pruning, writesWorkflow }
}

async function measuring({ path, data, proposalFor }: ModelPlan, ask: Asker): Promise<{ readonly proposal?: Proposal }> {
  const [first] = data
  if (first === undefined) return {}
  const file =
    data.length === 1
      ? first
      : await ask.one(
          `What is ${path} measured with? (data that it was not trained on)`,
          data.map((value) => ({ value, label: value })),
        )
  const proposal = await proposalFor(file)
  if (proposal.metrics.length < 2) return { proposal }
  const metric = await ask.one(
    `What is measured of ${path}?`,
    proposal.metrics.map(({ name, why }) => ({ value: name, label: name, hint: why })),
  )
  const doubts = proposal.doubts.filter((doubt) => !doubt.startsWith('metric:'))
  return { proposal: { ...proposal, evaluate: { ...proposal.evaluate, metric }, doubts } }
}

interface Choice<Value> {
  readonly value: Value
  readonly label: string
  readonly hint?: string
}

interface Asker {
  one<Value extends string>(message: string, choices: readonly Choice<Value>[]): Promise<Value>
  several(message: string, choices: readonly string[]): Promise<readonly string[]>
  whether(message: string): Promise<boolean>
}

async function asker(io: Io): Promise<Asker> {
  const prompts = await import('@clack/prompts')
  const output = new Writable({
    write(chunk, _, done) {
      io.stderr.write(String(chunk))
      done()
    },
  })
  const common = { input: io.stdin!, output, signal: io.signal }
  const answered = async <Value>(answer: Promise<Value>): Promise<Exclude<Value, symbol>> => {
    const value = await answer
    if (prompts.isCancel(value)) throw new DOMException('nothing was chosen', 'AbortError')
    return value as Exclude<Value, symbol>
  }
  return {
    one: async <Value extends string>(message: string, choices: readonly Choice<Value>[]) =>
      (await answered(
        prompts.select<string>({
          ...common,
          message: visible(message),
          options: choices.map(({ value, label, hint }) => ({
            value,
            label: visible(label),
            ...(hint && { hint: visible(hint) }),
          })),
          initialValue: choices[0]!.value,
        }),
      )) as Value,
    several: (message, choices) =>
      answered(
        prompts.multiselect({
          ...common,
          message: visible(message),
          options: choices.map((value) => ({ value, label: visible(value) })),
          initialValues: [...choices],
          required: true,
        }),
      ),
    whether: (message) => answered(prompts.confirm({ ...common, message: visible(message) })),
  }
}
