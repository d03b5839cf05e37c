import type { NdArray } from '../ndarray.js'

/** What a language model is asked: to say which of several texts is the likeliest. */
export interface ChoiceQuestion {
  readonly choices: readonly AnswerChoice[]
  /** The right choice, counted from 0. */
  readonly answer: number
}

/** One of the texts that may go on after what is asked. */
export interface AnswerChoice {
  /** Of an encoder with its decoder: what the encoder reads. The rest is the decoder's. Absent: it is one text */
  readonly source?: readonly number[]
  /** What is asked and the choice behind it, encoded together. */
  readonly ids: readonly number[]
  /** Where the tokens of the choice begin: at least 1. */
  readonly from: number
  /** Of its text. */
  readonly bytes: number
  readonly characters: number
}

/** What a language model is asked to go on from. */
export interface WritingPrompt {
  readonly ids: readonly number[]
  /** What an encoder of sounds reads in the place of tokens, without the axis of samples. Default: it reads tokens */
  readonly sound?: NdArray
  /** What is expected, one or more ways to write it. */
  readonly expected: readonly string[]
}

/** Two texts that a model encodes each on its own, as token ids. */
export type TextPair = readonly [first: readonly number[], second: readonly number[]]

/** One thing that a model is asked. */
export interface AskedEntry {
  /** As reports show it. */
  readonly text: string
  readonly asked: { readonly question: ChoiceQuestion } | { readonly prompt: WritingPrompt } | AskedPair
  /** Tokens that the model is given at most. */
  readonly length: number
  /** Whether its beginning was left out, since the model takes no more. */
  readonly isShortened: boolean
}

/** A pair, and what is said of it: how alike both are, for example. */
export interface AskedPair {
  readonly pair: TextPair
  readonly label?: number
}

/** What metrics ask a model, which decides how rows are read: to tell choices apart, to write answers, or to encode two texts. */
export type Asking = 'choices' | 'answers' | 'pairs'

/** How a model writes answers. */
export interface WritingOptions {
  /** Tokens of an answer at most. Default: 128 */
  readonly maxTokens?: number
  /** Above 0: each token is drawn by its probability, with scores divided by this. Default: 0, the likeliest token */
  readonly temperature?: number
  /** With a temperature: drawn among the likeliest that have this share of the probability together. Default: 1 */
  readonly topP?: number
  /** In which an encoder with its decoder writes, as its files name it: 'de', 'deu_Latn'. Default: of sounds the likeliest, else what its files say */
  readonly language?: string
  /** What it makes of sounds, where it can do both. Default: transcribe */
  readonly task?: WritingTask
  /** Texts at which an answer ends. They are no part of it. Default: none, only tokens that end a text */
  readonly stop?: readonly string[]
}

export const MAX_TOKENS = 128

/** What a model of speech writes: what is said, or that in English. */
export const WRITING_TASKS = ['transcribe', 'translate'] as const

export type WritingTask = (typeof WRITING_TASKS)[number]

/** Columns that are what is asked and answered, by what is asked: the others say something of it. */
export const ASKED_COLUMNS: Readonly<Record<Asking, RegExp>> = {
  choices:
    /^(question|question_stem|choices|answer|answerKey|[A-Z]|ctx|ctx_[ab]|endings|label|goal|sol[12]|sentence|option[12]|context|gold)$/,
  answers: /^(prompt|question|context|answers?)$/,
  pairs: /^$/,
}
