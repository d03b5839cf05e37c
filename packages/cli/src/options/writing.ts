import { WRITING_TASKS } from '@pare/evaluate/choices'
import { z } from 'zod'
import { field } from './row.js'
import { count, oneOf, path } from './schemas.js'
import { unescaped } from './text.js'

const ASKING = ['prune', 'run', 'evaluate']

/** How a language model is asked, and how it writes answers. */
export const writingFields = {
  examples: field(path, {
    expected: "a table such as 'dev.jsonl'",
    help: 'a table whose rows stand before each question with their answers, of the same subject where rows have one (few shots)',
    default: 'none',
    flag: { argument: 'file', on: ASKING, input: true },
  }),
  maxTokens: field(count, {
    expected: 'a whole number of tokens, such as 64',
    help: 'tokens of an answer that a language model writes, at most',
    default: '128',
    flag: { argument: 'count', on: ASKING, input: true },
  }),
  temperature: field(z.number().min(0).max(10), {
    expected: 'a number from 0 to 10, such as 0.8',
    help: 'above 0, a language model draws each token of an answer by its probability, with scores divided by this; models that are compared are given the same draws',
    default: '0: the likeliest token',
    flag: { argument: 'number', on: ASKING, input: true },
  }),
  topP: field(z.number().gt(0).max(1), {
    expected: 'a number above 0 and up to 1, such as 0.95',
    help: 'with a temperature, tokens are drawn among the likeliest that have this share of the probability together',
    default: '1',
    flag: { argument: 'share', on: ASKING, input: true },
  }),
  language: field(z.string().min(1).max(40), {
    expected: "the language as the model's files name it, such as 'de', 'deu_Latn' or 'de_DE'",
    help: 'in which an encoder with its decoder writes, as its files name it: de for Whisper, deu_Latn for NLLB',
    default: 'of speech the likeliest, else what its files say',
    flag: { argument: 'name', on: ASKING, input: true },
  }),
  task: field(oneOf(WRITING_TASKS), {
    help: 'what a model of speech writes: what is said, or that in English',
    default: 'transcribe',
    flag: { argument: 'name', on: ASKING },
  }),
  stop: field(z.array(z.string().min(1)).min(1).describe("a list of texts at which an answer ends, such as ['\\n']"), {
    help: 'a text at which an answer ends that a language model writes, such as \\n; it is no part of it',
    default: 'only tokens that end a text',
    flag: {
      argument: 'text',
      repeatable: true,
      read: (text: string) => [unescaped(text)],
      on: ASKING,
      input: true,
    },
  }),
}
