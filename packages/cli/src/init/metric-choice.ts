import type { ColumnGlance, ModelValue, Pooling } from '@pare/evaluate'
import { present } from '@pare/onnx'
import type { Pairing } from './pairing.js'
import { givesTokens, isEncoder, isVector, SENTENCE_VECTOR, type Signature } from './signature.js'

/** A metric that fits, and what it is for. */
export interface MetricChoice {
  readonly name: string
  readonly why: string
}

/** The output that is measured, and by what. */
export interface MeasureChoice {
  readonly output?: ModelValue
  readonly metrics: readonly MetricChoice[]
  readonly doubts: readonly string[]
}

const metric = (name: string, why: string): MetricChoice => ({ name, why })
const ACCURACY = metric('accuracy', 'share of samples that are right')
const BALANCED = metric('balanced-accuracy', 'each class counts the same, however rare')
const F1 = metric('f1', 'precision and recall of each class')
const AUC = metric('auc', 'the order of scores, without a threshold')
const PIXELS = [metric('iou', 'overlap of the pixels of each class'), metric('dice', 'the same, less strict'), ACCURACY] as const
const BOXES = metric('map', 'precision and recall of boxes, as COCO has them')
const CHOICES = metric('choice-accuracy', 'share of questions whose likeliest choice is the right one')
const WORDS = metric('word-f1', 'words in common of what the model writes and what is expected')
const EXACT = metric('exact-match', 'share of answers that are the same text')
const WER = metric('wer', 'words that are wrong, as of speech')
const SPEECH = [metric('wer:text=spoken', 'words that are wrong, case and punctuation aside, as of speech'), WER] as const
const COSINE = metric('cosine:against=reference', 'how near vectors stay to those of the original model')

/** Of what an encoder writes with its decoder, by what the data ask. None: they ask nothing. */
export function setMetrics(asked: 'answers' | 'choices' | 'speech' | undefined): readonly MetricChoice[] {
  if (asked === 'speech') return SPEECH
  if (asked === 'choices') return [CHOICES]
  return asked === undefined ? [] : [WORDS, metric('rouge-l', 'words in common, as of summaries'), EXACT]
}

/** By the shapes of output and label, and by what values the label has. */
export function metricsFor(pairing: Pairing, label: ColumnGlance | undefined): MeasureChoice {
  const { signature } = pairing
  const output = chooseOutput(signature)
  if (output === undefined) return { metrics: [ACCURACY], doubts: [] }
  const two = pairChoice(pairing, output, label)
  if (two !== undefined) return two
  const choice =
    annotated(pairing, output) ?? (label === undefined ? unlabelled(pairing, output) : labelled(pairing, output, label))
  const [first, ...others] = choice.metrics
  const doubt = choice.isSure || first === undefined ? [] : [`metric: ${first.name}, ${first.why}${orElse(others)}.`]
  return { output, metrics: choice.metrics, doubts: doubt }
}

/** Of boxes and masks, by what the model puts out where data have both. Undefined: there are none, or masks are labels in files. */
function annotated({ glance }: Pairing, { shape, type }: ModelValue): Choice | undefined {
  const { columns, holds } = glance
  const has = (...names: readonly string[]) => columns.some(({ name, kind }) => names.includes(name) && kind === 'lists')
  if (holds === 'masks') return sure(...PIXELS)
  const isOfPixels = shape.length === 4 || (shape.length === 3 && /^u?int/.test(type))
  if (holds === 'boxes and masks' && isOfPixels) return sure(...PIXELS)
  return holds !== undefined || (has('bbox', 'boxes') && has('category_id', 'labels')) ? sure(BOXES) : undefined
}

/** Of two texts a model that encodes them is asked how near they are. Undefined: it is no such model, or the data are none. */
function pairChoice(pairing: Pairing, output: ModelValue, label: ColumnGlance | undefined): MeasureChoice | undefined {
  const { signature, glance, pooling } = pairing
  if (glance.pair === undefined || !isEncoder(signature)) return undefined
  const isScore = label?.kind === 'numbers' && !isKind(label)
  const own = signature.outputs.find(({ name }) => name === SENTENCE_VECTOR)
  const measured = own ?? signature.outputs.find(isVector) ?? output
  // Entailment, for example: how near both texts are says nothing of it.
  if (label !== undefined && !isScore && !isTwofold(label)) return { output: measured, metrics: [COSINE], doubts: [] }
  const way: Pooling = measured.shape.length === 2 ? 'output' : (pooling ?? 'mean')
  const spearman = metric(`spearman:pairs=${way}`, 'whether texts that are said to be more alike are nearer')
  const recall = metric(`recall-at-1:pairs=${way}`, 'how often the second text is the nearest to the first')
  const cosine = metric(`cosine:pairs=${way}`, 'how near both texts are')
  const metrics = label === undefined ? [recall, cosine] : [spearman, cosine]
  const [first] = metrics as [MetricChoice]
  const isSaid = way === 'output' || pooling !== undefined
  const doubts = isSaid
    ? []
    : [
        `metric: ${first.name} takes the mean over the tokens of a text; write pairs=cls, max or last where the model was trained so.`,
      ]
  return { output: measured, metrics, doubts }
}

/** Few whole numbers are kinds of pairs, as of entailment, and no degrees of likeness. */
function isKind({ isWhole, values }: ColumnGlance): boolean {
  return isWhole && new Set(values).size <= 3
}

/** Yes or no: the same, or not. */
function isTwofold({ kind, values }: ColumnGlance): boolean {
  return kind === 'numbers' && values.every((value) => value === 0 || value === 1)
}

interface Choice {
  readonly metrics: readonly MetricChoice[]
  readonly isSure: boolean
}

const sure = (...metrics: readonly MetricChoice[]): Choice => ({ metrics, isSure: true })
const unsure = (...metrics: readonly MetricChoice[]): Choice => ({ metrics, isSure: false })

function orElse(others: readonly MetricChoice[]): string {
  return others.map(({ name, why }) => `; or ${name}, ${why}`).join('')
}

/** 'logits', else the first; of classes and scores of scikit-learn the scores, where they are a tensor. */
function chooseOutput({ outputs, firstOutput }: Signature): ModelValue | undefined {
  const logits = outputs.find(({ name }) => name === 'logits')
  const first = outputs.find(({ name }) => name === firstOutput) ?? outputs[0]
  if (logits !== undefined || first === undefined) return logits ?? first
  const scores = outputs.find(({ name, type, shape }) => /prob|score/i.test(name) && /^float/.test(type) && shape.length === 2)
  return /^int/.test(first.type) && first.shape.length === 1 && scores !== undefined ? scores : first
}

function unlabelled({ signature, glance }: Pairing, output: ModelValue): Choice {
  const { shape, type } = output
  if (givesTokens(signature, output)) return tokensChoice(glance)
  if (glance.kind === 'text') return sure(metric('perplexity', 'how well the next token is foreseen'))
  const agreement = metric('agreement', 'share of samples with the same best class as the original model')
  if (/^u?int/.test(type)) return sure(agreement)
  if (isVector(output)) return sure(COSINE)
  if (shape.length === 2 && sizeAt(shape, 1) !== 1) return unsure(agreement, COSINE)
  return unsure(metric('mse:against=reference', 'the distance to what the original model gives'), COSINE)
}

/** A language model foresees text, or is asked what the data hold. */
function tokensChoice({ asking }: Pairing['glance']): Choice {
  if (asking === 'choices') return sure(CHOICES, metric('choice-accuracy:per=byte', 'the same for each byte of a choice'))
  if (asking === 'answers') return unsure(WORDS, EXACT)
  return sure(metric('perplexity', 'how well the next token is foreseen'))
}

/** Boxes that are chosen, the queries of DETR, or places of YOLO: there are hundreds at least. */
function isDetector({ outputs }: Signature, shape: ModelValue['shape']): boolean {
  const isDetr = outputs.some(({ name }) => /logits/i.test(name)) && outputs.some(({ name }) => /box/i.test(name))
  return isDetr || sizeAt(shape, 2) === 6 || [1, 2].some((axis) => Number(sizeAt(shape, axis)) >= 100)
}

function labelled(pairing: Pairing, { shape, type, name }: ModelValue, label: ColumnGlance): Choice {
  const rank = label.shape.length
  if (type === 'string') return writtenChoice(shape, label)
  if (label.kind === 'images') return sure(...PIXELS)
  if (rank === 2 && label.shape[1] === 5 && shape.length === 3 && isDetector(pairing.signature, shape)) return sure(BOXES)
  if (isVector({ name }) && rank === 0)
    return sure(metric('recall-at-1', 'whether the nearest other vector has the same label'), COSINE)
  if (rank === 0) return scalarChoice(shape, type, label)
  if (rank === shape.length - 1) return sameRank(shape, label)
  if (shape.length === 4 && rank === 2) return sure(...PIXELS)
  if (shape.length === 3 && rank === 1) return tokenChoice(pairing)
  return unsure(ACCURACY, F1)
}

function writtenChoice(shape: ModelValue['shape'], label: ColumnGlance): Choice {
  const words = label.values.map((value) => String(value).trim().split(/\s+/).length)
  if (shape.length > 1) return sure(WER, metric('cer', 'the same of characters'))
  return words.some((count) => count > 1) ? unsure(EXACT, metric('rouge-l', 'words in common, as of summaries')) : sure(EXACT)
}

/** A label for each sample. */
function scalarChoice(shape: ModelValue['shape'], type: string, { kind, values, isWhole }: ColumnGlance): Choice {
  if (kind === 'names') return classChoice(values)
  const isOne = shape.length < 2 || (shape.length === 2 && sizeAt(shape, 1) === 1)
  const isClass = isWhole && new Set(values).size <= Math.max(2, values.length / 4)
  if (/^u?int/.test(type)) return classChoice(values)
  if (isOne && isWhole && values.every((value) => value === 0 || value === 1)) return binaryChoice(values)
  if (isOne || !isWhole) return sure(metric('r2', 'share of the variance that is explained'), metric('mae', 'the mean error'))
  return isClass ? classChoice(values) : unsure(ACCURACY, metric('r2', 'of numbers'))
}

function classChoice(values: ColumnGlance['values']): Choice {
  return isLopsided(values) ? unsure(BALANCED, ACCURACY, F1) : sure(ACCURACY, BALANCED, F1)
}

function binaryChoice(values: ColumnGlance['values']): Choice {
  return isLopsided(values) ? unsure(AUC, F1, ACCURACY) : sure(ACCURACY, AUC, F1)
}

/** Whether one class makes up more than four fifths. */
function isLopsided(values: ColumnGlance['values']): boolean {
  const counts = new Map<number | string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Math.max(...counts.values()) > 0.8 * values.length
}

/** A number for each number of the output. */
function sameRank(shape: ModelValue['shape'], { shape: own, isWhole, values }: ColumnGlance): Choice {
  if (own.length === 1 && own[0] === 1) return scalarChoice(shape, 'float32', { ...LABEL, isWhole, values })
  if (isWhole && own.length === 1 && values.every((value) => value === 0 || value === 1)) {
    const width = own[0]!
    const isOneHot = Array.from({ length: Math.floor(values.length / width) }, (_, row) =>
      values.slice(row * width, (row + 1) * width).filter((value) => value === 1),
    ).every((ones) => ones.length === 1)
    return isOneHot ? sure(ACCURACY, BALANCED, AUC) : sure(metric('f1:average=micro', 'precision and recall of all labels'), AUC)
  }
  if (own.length === 3) return sure(metric('psnr', 'how near images come, in decibels'), metric('ssim', 'how alike they look'))
  return unsure(metric('mse', 'the mean square error'), metric('cosine', 'the angle to the target'))
}

const LABEL = { name: 'label', kind: 'numbers', shape: [] } as const

function tokenChoice({ id2label }: Pairing): Choice {
  const isTagged = id2label?.some((name) => /^[BI]-/.test(name)) ?? false
  return isTagged ? sure(metric('entity-f1', 'whole entities that are right'), ACCURACY) : sure(ACCURACY, F1)
}

function sizeAt(shape: ModelValue['shape'], axis: number): number | string | undefined {
  return present({ size: shape[axis] }).size
}
