import { tokenizer } from './files.js'
import { best, lines, mistaken, onnx, product, type Random, seeded, share, times, weights } from './made.js'
import type { Task } from './task.js'

const WORDS = 24
const WIDTH = 12

const sentence = (random: Random, length: number) => times(length, () => random.below(WORDS))
const written = (ids: readonly number[]) => ids.map((id) => `w${id}`).join(' ')

/** A model of tokens: a vector for each, and scores of it. */
function tokenScores(random: Random, outputs: number) {
  const [e, w] = [times(WORDS * WIDTH, () => random.normal()), weights(random, WIDTH * outputs)]
  const vector = (id: number) => e.slice(id * WIDTH, (id + 1) * WIDTH)
  return {
    values: { e, w },
    declared: `float[${WORDS}, ${WIDTH}] e, float[${WIDTH}, ${outputs}] w`,
    scores: (id: number) => product(vector(id), w, outputs),
    /** Of the mean of several. */
    scoresOfAll(ids: readonly number[]) {
      const sum = times(WIDTH, (i) => ids.reduce((total, id) => total + vector(id)[i]!, 0) / ids.length)
      return product(sum, w, outputs)
    },
  }
}

/** Scores of a text, each token counted as the mask says. */
const POOLED = `rows = Gather(e, input_ids) mask = Cast<to: int = 1>(attention_mask) mask3 = Unsqueeze(mask, last)
  own = Mul(rows, mask3) sum = ReduceSum<keepdims: int = 0>(own, middle) count = ReduceSum<keepdims: int = 1>(mask, middle)
  pooled = Div(sum, count) logits = MatMul(pooled, w)`
const AXES = 'int64[1] last = {2}, int64[1] middle = {1}'
const TOKENS = 'int64[N, T] input_ids, int64[N, T] attention_mask'

const classification: Task = {
  name: 'Text classification',
  model: 'scores, `float[N, 3]`; `config.json` with `id2label` beside it',
  data: '`val.jsonl`: `{"text": "…", "label": "positive"}`',
  options: '--data val.jsonl --tokenizer tokenizer.json --metric accuracy',
  metric: 'accuracy',
  async make() {
    const random = seeded(31)
    const { values, declared, scoresOfAll } = tokenScores(random, 3)
    const texts = times(240, () => sentence(random, 4 + random.below(5)))
    const answers = texts.map((ids) => best(scoresOfAll(ids)))
    const labels = answers.map((answer) => mistaken(random, answer, 3))
    const names = ['negative', 'neutral', 'positive']
    return {
      files: {
        'model.onnx': await onnx(`text (${TOKENS}) => (float[N, 3] logits) <${declared}, ${AXES}> { ${POOLED} }`, values),
        'config.json': JSON.stringify({ id2label: { 0: names[0], 1: names[1], 2: names[2] } }),
        'tokenizer.json': tokenizer(WORDS),
        'val.jsonl': lines(texts.map((ids, i) => ({ text: written(ids), label: names[labels[i]!] }))),
      },
      value: share(answers, (answer, i) => answer === labels[i]),
    }
  },
}

const pairs: Task = {
  name: 'Pairs of texts',
  model: 'scores, `float[N, 3]`',
  data: '`val.jsonl`: `{"premise": "…", "hypothesis": "…", "label": 2}`',
  options: '--data val.jsonl --tokenizer tokenizer.json --metric f1',
  metric: 'f1',
  async make() {
    const random = seeded(32)
    const { values, declared, scoresOfAll } = tokenScores(random, 3)
    const texts = times(240, () => [sentence(random, 3), sentence(random, 4)] as const)
    const answers = texts.map((pair) => best(scoresOfAll(pair.flat())))
    const labels = answers.map((answer) => mistaken(random, answer, 3))
    const scores = [0, 1, 2].map((one) => {
      const right = answers.filter((answer, i) => answer === one && labels[i] === one).length
      return (2 * right) / (answers.filter((answer) => answer === one).length + labels.filter((label) => label === one).length)
    })
    return {
      files: {
        'model.onnx': await onnx(`pairs (${TOKENS}) => (float[N, 3] logits) <${declared}, ${AXES}> { ${POOLED} }`, values),
        'tokenizer.json': tokenizer(WORDS),
        'val.jsonl': lines(
          texts.map(([premise, hypothesis], i) => ({
            premise: written(premise),
            hypothesis: written(hypothesis),
            label: labels[i],
          })),
        ),
      },
      value: scores.reduce((sum, each) => sum + each, 0) / 3,
    }
  },
}

const entities: Task = {
  name: 'Entities in text',
  model: 'scores for each token, `float[N, T, 3]`; `config.json` with `id2label` beside it',
  data: '`val.jsonl`: `{"input_ids": […], "attention_mask": […], "labels": [0, 1, 2, -100]}`',
  options: '--data val.jsonl --metric entity-f1',
  metric: 'entity-f1',
  async make() {
    const random = seeded(33)
    const { values, declared, scores } = tokenScores(random, 3)
    const texts = times(120, () => sentence(random, 6 + random.below(6)))
    const labels = texts.map((ids) => ids.map((id, at) => (at === 0 ? -100 : mistaken(random, best(scores(id)), 3))))
    return {
      files: {
        'model.onnx': await onnx(
          `entities (${TOKENS}) => (float[N, T, 3] logits) <${declared}> { rows = Gather(e, input_ids) logits = MatMul(rows, w) }`,
          values,
        ),
        'config.json': JSON.stringify({ id2label: { 0: 'O', 1: 'B-PER', 2: 'I-PER' } }),
        'val.jsonl': lines(texts.map((ids, i) => ({ input_ids: ids, attention_mask: ids.map(() => 1), labels: labels[i] }))),
      },
    }
  },
}

const language: Task = {
  name: 'A language model',
  model: 'scores of the next token, `float[N, T, vocabulary]`',
  data: '`val.jsonl`: `{"text": "…"}`, a document on each line',
  options: '--data val.jsonl --tokenizer tokenizer.json',
  metric: 'perplexity',
  async make() {
    const random = seeded(34)
    const { values, declared, scores } = tokenScores(random, WORDS)
    const shares = times(WORDS, (id) => {
      const powers = scores(id).map(Math.exp)
      const sum = powers.reduce((total, each) => total + each, 0)
      return powers.map((each) => each / sum)
    })
    const documents = times(80, () => {
      const ids = [random.below(WORDS)]
      while (ids.length < 20) {
        let left = random.uniform()
        const next = shares[ids.at(-1)!]!.findIndex((each) => {
          left -= each
          return left < 0
        })
        ids.push(Math.max(0, next))
      }
      return ids
    })
    const losses = documents.flatMap((ids) => ids.slice(1).map((id, at) => -Math.log(shares[ids[at]!]![id]!)))
    return {
      files: {
        'model.onnx': await onnx(
          `language (${TOKENS}) => (float[N, T, ${WORDS}] logits) <${declared}> { rows = Gather(e, input_ids) logits = MatMul(rows, w) }`,
          values,
        ),
        'tokenizer.json': tokenizer(WORDS),
        'val.jsonl': lines(documents.map((ids) => ({ text: written(ids) }))),
      },
      value: Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length),
    }
  },
}

/** A language model in which each token follows from the one before it. */
async function bigrams(random: Random) {
  const { values, declared, scores } = tokenScores(random, WORDS)
  const model = `language (${TOKENS}) => (float[N, T, ${WORDS}] logits) <${declared}> { rows = Gather(e, input_ids) logits = MatMul(rows, w) }`
  return { scores, files: { 'model.onnx': await onnx(model, values), 'tokenizer.json': tokenizer(WORDS) } }
}

const multipleChoice: Task = {
  name: 'Multiple choice',
  model: 'scores of the next token, `float[N, T, vocabulary]`',
  data: '`val.jsonl`: `{"context": "…", "choices": ["…", "…"], "gold": 0}`, or the fields of MMLU, ARC, HellaSwag, PIQA or Winogrande',
  options: '--data val.jsonl --tokenizer tokenizer.json --metric choice-accuracy',
  metric: 'choice-accuracy',
  async make() {
    const random = seeded(37)
    const { scores, files } = await bigrams(random)
    const chance = (before: number, id: number) => {
      const all = scores(before)
      return all[id]! - Math.log(all.reduce((total, each) => total + Math.exp(each), 0))
    }
    const questions = times(240, () => ({
      context: sentence(random, 3),
      choices: times(4, () => sentence(random, 1 + random.below(2))),
    }))
    const answers = questions.map(({ context, choices }) =>
      best(choices.map((ids) => ids.reduce((sum, id, at) => sum + chance(at === 0 ? context.at(-1)! : ids[at - 1]!, id), 0))),
    )
    const labels = answers.map((answer) => mistaken(random, answer, 4))
    const rows = questions.map(({ context, choices }, i) => ({
      ...{ context: written(context), choices: choices.map(written), gold: labels[i] },
    }))
    return { files: { ...files, 'val.jsonl': lines(rows) }, value: share(answers, (answer, i) => answer === labels[i]) }
  },
}

const writing: Task = {
  name: 'Answers that a language model writes',
  model: 'scores of the next token, `float[N, T, vocabulary]`, with a cache or without one',
  data: '`val.jsonl`: `{"prompt": "…", "answer": "…"}`, or `messages`',
  options: '--data val.jsonl --tokenizer tokenizer.json --metric word-f1 --max-tokens 4',
  metric: 'word-f1',
  async make() {
    const random = seeded(38)
    const { scores, files } = await bigrams(random)
    const prompts = times(80, () => sentence(random, 3))
    const answers = prompts.map((ids) => {
      const own = [ids.at(-1)!]
      while (own.length < 5) own.push(best(scores(own.at(-1)!)))
      return own.slice(1)
    })
    const expected = answers.map((ids) => (random.uniform() < 0.2 ? sentence(random, 4) : ids))
    const overlap = (own: readonly number[], other: readonly number[]) => {
      const left = [...other]
      return own.filter((id) => left.includes(id) && left.splice(left.indexOf(id), 1)).length / 4
    }
    return {
      files: { ...files, 'val.jsonl': lines(prompts.map((ids, i) => ({ prompt: written(ids), answer: written(expected[i]!) }))) },
      value: answers.reduce((sum, ids, i) => sum + overlap(ids, expected[i]!), 0) / answers.length,
    }
  },
}

const ANSWERS = ['a red fox runs', 'the old dog sleeps', 'a small bird sings', 'no one knows']
const quoted = (texts: readonly string[]) => `{${texts.map((text) => `"${text}"`).join(', ')}}`

const answers: Task = {
  name: 'Answers as text',
  model: 'text, `string[N]`',
  data: '`val.jsonl`: `{"text": "…", "label": "a red fox runs"}`',
  options: '--data val.jsonl --tokenizer tokenizer.json --metric exact-match --metric rouge-l',
  metric: 'exact-match',
  async make() {
    const random = seeded(35)
    const { values, declared, scoresOfAll } = tokenScores(random, ANSWERS.length)
    const texts = times(240, () => sentence(random, 5))
    const given = texts.map((ids) => best(scoresOfAll(ids)))
    const labels = given.map((answer) => mistaken(random, answer, ANSWERS.length))
    const model = `answers (${TOKENS}) => (string[N] answer) <${declared}, ${AXES}, string[4] texts = ${quoted(ANSWERS)}> { ${POOLED}
      one = ArgMax<axis: int = 1, keepdims: int = 0>(logits) answer = Gather(texts, one) }`
    return {
      files: {
        'model.onnx': await onnx(model, values),
        'tokenizer.json': tokenizer(WORDS),
        'val.jsonl': lines(texts.map((ids, i) => ({ text: written(ids), label: ANSWERS[labels[i]!] }))),
      },
      value: share(given, (answer, i) => answer === labels[i]),
    }
  },
}

const SPOKEN = ['yes', 'no', 'left', 'right', 'up', 'down']

const speech: Task = {
  name: 'Speech',
  model: 'a word for each stretch of sound, `string[N, T]`',
  data: '`val.jsonl`: `{"frames": [[…], …], "label": "left up no …"}`',
  options: '--data val.jsonl --metric wer',
  metric: 'wer',
  async make() {
    const random = seeded(36)
    const w = weights(random, WIDTH * SPOKEN.length)
    const frames = times(80, () => times(6, () => times(WIDTH, () => Number(random.normal().toFixed(4)))))
    const heard = frames.map((sound) => sound.map((frame) => best(product(frame, w, SPOKEN.length))))
    const labels = heard.map((ids) => ids.map((id) => SPOKEN[mistaken(random, id, SPOKEN.length)]!).join(' '))
    const model = `speech (float[N, T, ${WIDTH}] frames) => (string[N, T] text) <float[${WIDTH}, 6] w, string[6] words = ${quoted(SPOKEN)}>
      { scores = MatMul(frames, w) one = ArgMax<axis: int = 2, keepdims: int = 0>(scores) text = Gather(words, one) }`
    return {
      files: {
        'model.onnx': await onnx(model, { w }),
        'val.jsonl': lines(frames.map((sound, i) => ({ frames: sound, label: labels[i] }))),
      },
    }
  },
}

export const TEXTS: readonly Task[] = [classification, pairs, entities, language, multipleChoice, writing, answers, speech]
