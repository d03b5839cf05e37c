import { type MetricSample, sampleOf } from '@pare/metric'
import { classSamples, metricValue, testMetric, textSamples } from '@pare/testing'
import { expect, test } from 'vitest'
import { bitsPerByte } from './bits-per-byte.js'
import { cer } from './cer.js'
import { choiceAccuracy } from './choice-accuracy.js'
import { chrf } from './chrf.js'
import { entityF1 } from './entity-f1.js'
import { exactMatch } from './exact-match.js'
import { spansOf } from './parts/spans.js'
import { perplexity } from './perplexity.js'
import { rougeL } from './rouge-l.js'
import { wer } from './wer.js'
import { wordF1 } from './word-f1.js'

const written = (answer: string, ...expected: string[]): MetricSample =>
  sampleOf({ rows: [], places: 1, isSingle: true, text: { answer, expected } })

const texts = textSamples()
for (const make of [exactMatch, wordF1, rougeL, chrf, wer, cer]) testMetric(make)

testMetric(perplexity)
testMetric(bitsPerByte)

const questions = classSamples({ seed: 5 })
const likeliest = (some: readonly MetricSample[]) =>
  some.filter(({ answers, label }) => answers[0] === label[0]).length / some.length
testMetric(choiceAccuracy, { samples: questions, value: likeliest })

const names = ['O', 'B-PER', 'I-PER', 'B-LOC']
const tagged = classSamples({ places: 6, seed: 3 }).map((sample) => ({ ...sample, names }))
testMetric(entityF1, { samples: tagged, broken: undefined })

test('text by hand', () => {
  // Two insertions, then 0 of 2, 2 replacements, 2 and one word too many: in words 3 + 0 + 2 + 2 ÷ (6 + 2 + 3 + 1).
  expect(metricValue(wer(), texts.slice(0, 4))).toBeCloseTo((3 + 0 + 2 + 2) / 12, 12)
  // kitten → sitting takes 3 of 7 characters (Levenshtein 1966's textbook pair).
  expect(metricValue(cer(), [written('kitten', 'sitting')])).toBeCloseTo(3 / 7, 12)
  // 3 words in order, of 3 and 6: 2 · 3 ÷ 9.
  expect(metricValue(rougeL(), texts.slice(0, 1))).toBeCloseTo(6 / 9, 12)
  // 'The cat!' has the same words; of several ways to write it the nearest counts.
  expect(metricValue(rougeL(), texts.slice(4, 5))).toBe(1)
  expect(metricValue(cer(), texts.slice(5, 6))).toBeCloseTo(1 / 3, 12)
  // Only 'a dog' is the same.
  expect(metricValue(exactMatch(), texts)).toBe(1 / 8)
  // Without its article, its comma and its capital letter the same words are left: of 'The old dog, asleep' and 'a dog' dog alone, 2 · 1 ÷ (3 + 1).
  expect(metricValue(wordF1(), [written('The old dog, asleep', 'a dog')])).toBe(0.5)
  expect(metricValue(wordF1(), [written('dog dog', 'cat', 'dog dog dog')])).toBe(0.8)
  expect(metricValue(exactMatch({ by: 'words' }), [written('The Dog.', 'dog'), written('an old dog', 'dog')])).toBe(0.5)
})

test('a transcript by what is spoken', () => {
  const heard = written(' Hello, Mr. Smith [laughs]: it’s ２ o’clock (applause).', 'HELLO MR SMITH IT S 2 O CLOCK')
  expect(metricValue(wer({ text: 'spoken' }), [heard])).toBe(0)
  expect(metricValue(cer({ text: 'spoken' }), [heard])).toBe(0)
  // As it is written every word but none is another.
  expect(metricValue(wer(), [heard])).toBeGreaterThan(0.9)
  // One of three words, in a language with marks.
  expect(metricValue(wer({ text: 'spoken' }), [written('Où est-il ?', 'où est elle')])).toBeCloseTo(1 / 3, 12)
})

test('the last number of an answer', () => {
  const byNumber = exactMatch({ by: 'number' })
  const solved = '48 ÷ 2 = 24 clips in May, 48 + 24 = 72. #### 72'
  expect(metricValue(byNumber, [written('So she sold 72.', solved), written('The answer is 24', solved)])).toBe(0.5)
  expect(metricValue(byNumber, [written('$1,250.50 in all', '1250.5'), written('-3', '-3.0')])).toBe(1)
  expect(metricValue(byNumber, [written('none', '7')])).toBe(0)
  expect(() => metricValue(byNumber, [written('7', 'seven')])).toThrow('"seven" holds no number')
  expect(() => exactMatch({ by: 'letters' as never })).toThrow('by is "letters"; text, words or number was expected')
})

test('chrF by hand', () => {
  // abc and abd: of single characters 2 of 3 on both sides, of pairs 1 of 2, of triples 0 of 1: (2/3 + 1/2 + 0) ÷ 3.
  expect(metricValue(chrf(), [written('abc', 'abd')])).toBeCloseTo(7 / 18, 12)
  // ab and abab: precisions 2/2 and 1/1, recalls 2/4 and 1/3 (ab, ba, ab): P = 1, R = 5/12, F₂ = 5 P R ÷ (4 P + R).
  expect(metricValue(chrf(), [written('a b', 'ab ab')])).toBeCloseTo((5 * (5 / 12)) / (4 + 5 / 12), 12)
})

test('bits per byte by hand', () => {
  const rows = [Float64Array.of(0, 0), Float64Array.of(0, 0)]
  const sample = sampleOf({ rows, tokens: Float64Array.of(0, 1), bytes: Float64Array.of(1, 4) })
  // One bit for a token of four bytes.
  expect(metricValue(bitsPerByte(), [sample])).toBeCloseTo(0.25, 12)
  const { bytes: _, ...unknown } = sample
  expect(() => metricValue(bitsPerByte(), [unknown])).toThrow('how many bytes a token stands for is not known')
})

test.each([
  ['B-PER I-PER O B-LOC', ['PER:0:1', 'LOC:3:3']],
  ['B-PER B-PER I-PER', ['PER:0:0', 'PER:1:2']],
  ['I-PER I-LOC O', ['PER:0:0', 'LOC:1:1']],
  ['S-PER B-LOC I-LOC E-LOC I-LOC', ['PER:0:0', 'LOC:1:3', 'LOC:4:4']],
  ['O O', []],
])('the entities of %s', (tags, spans) => expect(spansOf(tags.split(' '))).toEqual(spans))

test('F1 of entities by hand', () => {
  const label = Float64Array.of(1, 2, 0, 3)
  // Found: PER:0:0 (too short) and LOC:3:3 (right): 2 · 1 ÷ (2 · 1 + 1 + 1).
  const sample = sampleOf({ rows: [], answers: Float64Array.of(1, 0, 0, 3), label, names, places: 4, isSingle: false })
  expect(metricValue(entityF1(), [sample])).toBe(0.5)
  const { names: _, ...unnamed } = sample
  expect(() => metricValue(entityF1(), [unnamed])).toThrow('the names of the classes are not known')
})
