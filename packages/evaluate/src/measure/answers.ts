import { type Metric, type MetricSample, probabilitiesOf, type ReadableSample, type Scale } from '@pare/metric'
import { present } from '@pare/onnx'
import type { Batch } from '../data/dataset.js'
import { numbersOf } from '../data/ndarray.js'
import { openTokenizer } from '../data/text/tokenizer.js'
import type { EvaluateRequest, Evaluation, ModelAnswers } from '../process/request.js'

/** What stands for a class where the label of the sample does not count. */
const IGNORED = -1
/** Of the text of a sample, in characters, and of its tokens. */
const TEXT_LENGTH = 200
const TEXT_TOKENS = 80

/** Whose samples have classes as answers. */
const CLASSES: ReadonlySet<Metric['needs']['read']> = new Set(['answers', 'scores', 'choices'])

/** What is gathered beside the metrics. */
export interface GatheredAnswers extends Pick<Evaluation, 'answers' | 'labels' | 'classNames' | 'texts'> {
  readonly reference?: ModelAnswers
}

/** The samples of a batch as the metrics read them, of the model and of its reference. */
interface JudgedBatch {
  readonly batch: Batch
  readonly own: readonly (readonly ReadableSample[])[]
  readonly reference?: readonly (readonly ReadableSample[])[] | undefined
}

/**
 * Gathers the classes that models answer with, where a metric compares one class a sample with a label: numbers alone, and of samples that changed
 * sides a short text. What the metrics read is read here, so nothing runs twice.
 */
export function startAnswers(metrics: readonly Metric[], { text, trusted = false }: Pick<EvaluateRequest, 'text' | 'trusted'>) {
  const at = metrics.findIndex(({ needs }) => CLASSES.has(needs.read) && needs.against === 'class')
  const own = startModel()
  const reference = startModel()
  const texts: Record<number, string> = {}
  const tokens = new Map<number, readonly number[]>()
  let hasReference = false
  return {
    add({ batch, own: ownSamples, reference: otherSamples }: JudgedBatch) {
      if (at < 0) return
      hasReference ||= otherSamples !== undefined
      for (let i = 0; i < batch.size; i++) {
        own.add(ownSamples[at]?.[i])
        if (otherSamples !== undefined) reference.add(otherSamples[at]?.[i])
        const isRight = own.isRight()
        // Without a reference in this run nobody knows which samples changed sides: those that are wrong now may have.
        const isKept = otherSamples === undefined ? isRight === false : isRight !== reference.isRight()
        if (isKept) keepText(batch, i, { texts, tokens })
      }
    },
    async finish(names: readonly string[]): Promise<GatheredAnswers> {
      const found = own.finish()
      const other = hasReference ? reference.finish() : undefined
      if (found === undefined || (hasReference && other === undefined)) return {}
      if (text?.tokenizer !== undefined && tokens.size > 0) {
        const { tokenizer } = await openTokenizer(text.tokenizer, { trusted })
        for (const [sample, ids] of tokens) texts[sample] = clip(tokenizer.decode([...ids], { skip_special_tokens: true }))
      }
      const { labels, ...answers } = found
      return {
        ...{ answers, labels },
        ...(names.length > 0 && { classNames: names }),
        ...(Object.keys(texts).length > 0 && { texts }),
        ...(other && { reference: present({ predicted: other.predicted, confidence: other.confidence }) as ModelAnswers }),
      }
    },
  }
}

interface OpenReading {
  readonly scale: Scale
  readonly predicted: number[]
  readonly confidence: number[]
  /** Whether there are scores: a model may say the class alone. */
  hasScores: boolean
}

/** The answers of one model. Whether its scores are probabilities shows once all samples are seen; until then both readings are kept. */
function startModel() {
  let open: OpenReading[] = (['probabilities', 'logits'] as const).map((scale) => ({
    ...{ scale, predicted: [], confidence: [], hasScores: true },
  }))
  const labels: number[] = []
  return {
    add(sample: ReadableSample | undefined) {
      let label: number | undefined
      open = open.filter((reading) => {
        const read = sample?.read({ scale: reading.scale, isMany: false })
        const own = read?.isSingle ? classOf(read) : undefined
        if (own === undefined) return false
        label = own.label
        addTo(reading, own)
        return true
      })
      if (label !== undefined) labels.push(label)
    },
    /** Of the last sample. Undefined: it does not count, or answers are no classes. */
    isRight(): boolean | undefined {
      const label = labels.at(-1)
      if (label === undefined || label === IGNORED || open[0] === undefined) return undefined
      return open[0].predicted.at(-1) === label
    },
    finish(): (ModelAnswers & { readonly labels: readonly number[] }) | undefined {
      const [first] = open
      if (first === undefined) return undefined
      return { predicted: first.predicted, labels, ...(first.hasScores && { confidence: first.confidence }) }
    },
  }
}

/** The answer of a sample with one place, and how sure of it the model is. Undefined: the answer is no class. */
function classOf(sample: MetricSample): { label: number; predicted: number; confidence: number | undefined } | undefined {
  if (sample.places === 0) return { label: IGNORED, predicted: IGNORED, confidence: 0 }
  const [label, predicted] = [sample.label[0]!, sample.answers[0]!]
  if (!Number.isInteger(label) || !Number.isInteger(predicted)) return undefined
  const row = sample.rows[0]!
  return { label, predicted, confidence: row.length < 2 ? undefined : probabilitiesOf(row, sample.scale)[predicted] }
}

function addTo(reading: OpenReading, { predicted, confidence }: { predicted: number; confidence: number | undefined }): void {
  reading.predicted.push(predicted)
  if (confidence === undefined || !Number.isFinite(confidence)) reading.hasScores = false
  else reading.confidence.push(confidence)
}

/** The first text among the inputs of a sample, or its first tokens, which are made text later. */
function keepText(
  { first, size, strings, inputs, tokens: name }: Batch,
  i: number,
  { texts, tokens }: { readonly texts: Record<number, string>; readonly tokens: Map<number, readonly number[]> },
): void {
  const [text] = Object.values(strings ?? {})
  const ids = name === undefined ? undefined : inputs[name]
  if (text !== undefined) {
    const width = text.data.length / size
    texts[first + i] = clip(text.data.slice(i * width, (i + 1) * width).join(' '))
  } else if (ids !== undefined) {
    const width = ids.data.length / size
    const length = Math.min(width, TEXT_TOKENS)
    tokens.set(first + i, Array.from(numbersOf({ ...ids, data: ids.data.slice(i * width, i * width + length) as never })))
  }
}

function clip(text: string): string {
  return text.length <= TEXT_LENGTH ? text : `${text.slice(0, TEXT_LENGTH - 1)}…`
}
