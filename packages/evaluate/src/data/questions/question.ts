/** What a language model is asked: to say which of several texts is the likeliest. */
export interface ChoiceQuestion {
  /** As reports show it. */
  readonly text: string
  readonly choices: readonly AnswerChoice[]
  /** The right choice, counted from 0. */
  readonly answer: number
}

/** One of the texts that may go on after what is asked. */
export interface AnswerChoice {
  /** What is asked and the choice behind it, encoded together. */
  readonly ids: readonly number[]
  /** Where the tokens of the choice begin: at least 1. */
  readonly from: number
  /** Of its text. */
  readonly bytes: number
  readonly characters: number
}

/** What metrics ask a model, which decides how rows are read. */
export type Asking = 'choices'
