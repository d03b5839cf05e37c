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

/** The answers of one batch, of the model and of its reference. */
interface AnsweredBatch {
  readonly batch: Batch
  readonly own: BatchAnswers
  readonly reference?: BatchAnswers | undefined
}

/** Of each sample of a batch the answer in each reading of the scores. Empty: no metric compares one class a sample with a label. */
export type BatchAnswers = readonly SampleAnswers[]

/** With scores read as probabilities, and as logits. null: the answer is no class so. */
export type SampleAnswers = readonly [probabilities: SampleAnswer | null, logits: SampleAnswer | null]

/** The class of a sample, that which the model answers, and how sure of it the model is. Without confidence it says the class alone. */
export interface SampleAnswer {
  readonly label: number
  readonly predicted: number
  readonly confidence?: number
}

const SCALES: readonly Scale[] = ['probabilities', 'logits']

/** Reads the answers of one model, batch by batch: of the first metric that compares one class a sample with a label. A reading that does not fit one sample fits none. */
export function startAnswering(metrics: readonly Metric[]): (samples: readonly (readonly ReadableSample[])[]) => BatchAnswers {
  const at = metrics.findIndex(({ needs }) => CLASSES.has(needs.read) && needs.against === 'class')
  const isOpen = SCALES.map(() => true)
  return (samples) => {
    if (at < 0) return []
    return samples[at]!.map((sample) => {
      const [probabilities = null, logits = null] = SCALES.map((scale, i) => {
        const read = isOpen[i] ? sample.read({ scale, isMany: false }) : undefined
        const own = read?.isSingle ? classOf(read) : undefined
        isOpen[i] &&= own !== undefined
        return own ?? null
      })
      return [probabilities, logits]
    })
  }
}

/**
 * Gathers the classes that models answer with, where a metric compares one class a sample with a label: numbers alone, and of samples that changed
 * sides a short text. What the metrics read is read here, so nothing runs twice.
 */
export function startAnswers({ text, trusted = false }: Pick<EvaluateRequest, 'text' | 'trusted'>) {
  const own = startModel()
  const reference = startModel()
  const texts: Record<number, string> = {}
  const tokens = new Map<number, readonly number[]>()
  let hasReference = false
  return {
    add({ batch, own: ownAnswers, reference: otherAnswers }: AnsweredBatch) {
      if (ownAnswers.length === 0) return
      hasReference ||= otherAnswers !== undefined
      for (let i = 0; i < batch.size; i++) {
        own.add(ownAnswers[i])
        if (otherAnswers !== undefined) reference.add(otherAnswers[i])
        const isRight = own.isRight()
        // Without a reference in this run nobody knows which samples changed sides: those that are wrong now may have.
        const isKept = otherAnswers === undefined ? isRight === false : isRight !== reference.isRight()
        if (isKept) keepText(batch, i, { texts, tokens })
      }
    },
    async finish(names: readonly string[]): Promise<GatheredAnswers> {
      const reading = own.finish()
      const other = hasReference ? reference.finish() : undefined
      if (reading === undefined || (hasReference && other === undefined)) return {}
      if (text?.tokenizer !== undefined && tokens.size > 0) {
        const { tokenizer } = await openTokenizer(text.tokenizer, { trusted })
        for (const [sample, ids] of tokens) texts[sample] = clip(tokenizer.decode([...ids], { skip_special_tokens: true }))
      }
      const { labels, ...answers } = reading
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
  /** Of the answers of a sample. */
  readonly at: number
  readonly predicted: number[]
  readonly confidence: number[]
  /** Whether there are scores: a model may say the class alone. */
  hasScores: boolean
}

/** The answers of one model. Whether its scores are probabilities shows once all samples are seen; until then both readings are kept. */
function startModel() {
  let open: OpenReading[] = SCALES.map((_, at) => ({ at, predicted: [], confidence: [], hasScores: true }))
  const labels: number[] = []
  return {
    add(answers: SampleAnswers | undefined) {
      let label: number | undefined
      open = open.filter((reading) => {
        const own = answers?.[reading.at]
        if (own === null || own === undefined) return false
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
function classOf(sample: MetricSample): SampleAnswer | undefined {
  if (sample.places === 0) return { label: IGNORED, predicted: IGNORED, confidence: 0 }
  const [label, predicted] = [sample.label[0]!, sample.answers[0]!]
  if (!Number.isInteger(label) || !Number.isInteger(predicted)) return undefined
  const row = sample.rows[0]!
  if (row.length < 2) return { label, predicted }
  return { label, predicted, ...present({ confidence: probabilitiesOf(row, sample.scale)[predicted] }) }
}

function addTo(reading: OpenReading, { predicted, confidence }: SampleAnswer): void {
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
