import type { Aggregate } from '@pare/gate'

/** Elements as numbers, ready for arithmetic. */
export type Numbers = Float32Array | Float64Array

/**
 * What a row of scores over classes means: numbers a softmax turns into probabilities, or probabilities. Log-probabilities are logits too:
 * their softmax is the identity. Of several labels at once a sigmoid takes the place of the softmax.
 */
export type Scale = 'logits' | 'probabilities'

/** A metric: what one sample contributes, and how contributions make the value. It keeps nothing between samples. */
export interface Metric {
  /** 'f1', without options. */
  readonly name: string
  /** The formula, for README and help. */
  readonly formula: string
  readonly better: 'higher' | 'lower'
  /** Whether it lies between 0 and 1: only then may a drop be limited by a number that is not relative. */
  readonly bounded: boolean
  readonly needs: MetricNeeds
  /** What the sample contributes. NaN or an infinite number in it: the metric has no value. Undefined: the sample does not count. */
  of(sample: MetricSample): Contribution | undefined
  readonly combine: Combination
  /** A command that it runs for each sample: only where the checkout is trusted. Default: none */
  readonly runs?: string
  /** The best answer that ignores the input. Absent: there is none. */
  readonly blind?: (metric: Metric) => BlindTally
}

/** Makes a metric from its options: what a plugin exports. An option that it never reads is refused. */
export type MetricFactory = (options?: Readonly<Record<string, unknown>>) => Metric

/** How a metric wants to see a sample; what a model and its data lack of it is said before any sample is judged. */
export interface MetricNeeds {
  /**
   * 'answers': the class of each place, whether the model says it or has scores. 'scores': scores over classes at each place. 'values': all
   * numbers of the output. 'tokens': scores of the token after each. 'text': words. 'boxes': detected boxes. 'choices': how likely a language
   * model holds each of several texts behind a question, one row of log-probabilities.
   */
  readonly read: 'answers' | 'scores' | 'values' | 'tokens' | 'text' | 'boxes' | 'choices'
  /**
   * What it is compared with: a class for each place; as many numbers as the output has; any; what a reference model puts out; of `pairs` the vector of the
   * second text. Default: what `read` goes with.
   */
  readonly against?: 'class' | 'values' | 'group' | 'reference' | 'pair'
  /** Of `choices`: what the log-probability of a choice is divided by. Default: 'choice', by nothing */
  readonly per?: 'choice' | 'byte' | 'character' | 'token'
  /** Of `values`: the name of a second output of the same shape. The one value of a sample is then the cosine between the two. */
  readonly with?: string
  /**
   * Of `values`: the two texts of a row are encoded each on its own, and this is how one vector is made of what the model gives for a text: the mean over its
   * tokens, that of the first or the last token, the largest number of each place, or the output as it is. Against 'values' the one value of a sample is the cosine between the two. Default: rows are no pairs
   */
  readonly pairs?: Pooling
  /** Of `text` that a language model writes: how many answers it draws to each prompt. Default: 1 */
  readonly draws?: number
  /** Whether a sample may have several labels at once: labels of 0 and 1, one for each class. Default: false */
  readonly many?: boolean
  /** Whether a sample must be one answer: no sequence, no pixels. Default: false */
  readonly single?: boolean
}

/** One number, or a pair of sum and count, or as many as the metric's own `Aggregate` wants. */
export type Contribution = number | readonly number[]

/** How one vector is made of what a model gives for the tokens of a text: 'output' takes it as it is. */
export type Pooling = 'mean' | 'cls' | 'max' | 'last' | 'output'

/**
 * 'proportion': a sample is right (1) or wrong (0), or a pair of right places and places. 'mean': a number, or a pair of sum and count; the value is
 * Σ sums ÷ Σ counts. 'perplexity': exp of that, of pairs. Else an `Aggregate` makes the value of the contributions of all samples, in any order.
 * `f1`: as an aggregate; where each contribution is a pair of predicted class and label, it is macro F1, whose samples the gate knows.
 */
export type Combination = 'proportion' | 'mean' | 'perplexity' | Aggregate | { readonly f1: Aggregate }

/** One sample as a metric sees it. Places whose label is ignored are gone. */
export interface MetricSample {
  /** Scores over the classes, a row for each place: one, or one for each position or pixel. Values: one row of all of them. */
  readonly rows: readonly Numbers[]
  /** The class of each place: that with the highest score, the first of equals. NaN where a score is NaN. */
  readonly answers: Numbers
  /** Whether rows are logits or probabilities. Decided over all samples. */
  readonly scale: Scale
  readonly classes: number
  /** How many places, or values, count. Of none the sample does not count, and no metric sees it. */
  readonly places: number
  /** Whether the sample is one place by its shape. */
  readonly isSingle: boolean
  /** Whether there are several labels at once: `label` then has 0 or 1 for each class. Decided over all samples. */
  readonly isMany: boolean
  /** A class for each place, or as many values as the row has. */
  readonly label: Numbers
  /** Where each value stands in the output: values without a target are gone. */
  readonly at: ArrayLike<number>
  /** The reference model's rows and answers. */
  readonly reference: readonly Numbers[]
  readonly referenceAnswers: Numbers
  /** Of the output, without the samples. */
  readonly shape: readonly number[]
  /** Token ids, as many as rows. */
  readonly tokens?: Numbers
  /** Whether each token is to be predicted from the ones before it. */
  readonly scored?: Numbers
  /** How many bytes of text each token stands for, where the tokenizer is known. */
  readonly bytes?: Numbers
  /** Names of the classes, where they are known. */
  readonly names?: readonly string[]
  readonly text?: SampleText
  readonly boxes?: SampleBoxes
}

/** What a model wrote, and what would have been right: one or more ways to write it. */
export interface SampleText {
  /** Without spaces around it. */
  readonly answer: string
  /** With them. Default: the answer */
  readonly written?: string
  /** All answers that a model drew, with the spaces around them, this one first. Default: this one */
  readonly draws?: readonly string[]
  /** What was asked, where it was. Of a conversation, the last that was said. */
  readonly prompt?: string
  readonly expected: readonly string[]
}

/** Boxes in one image: [x1, y1, x2, y2], in any unit. Of those that are expected, `isCrowd` stands for many things in one, and `area` is that of the thing. Default: no crowd; the area of the box */
export interface SampleBoxes {
  readonly detected: readonly {
    readonly box: Numbers
    readonly score: number
    readonly class: number
    /** In pixels of the image. Default: that of the box */
    readonly area?: number
  }[]
  readonly expected: readonly {
    readonly box: Numbers
    readonly class: number
    readonly isCrowd?: boolean
    readonly area?: number
  }[]
}

/** Collects samples that are added in order, and finds the best answer for all of them that ignores the input. */
export interface BlindTally {
  /** Rows of the sample are empty, as many as there are: what a model makes of the input is not looked at. */
  add(sample: MetricSample): void
  /** Undefined where there is no such answer. */
  answer(): BlindAnswer | undefined
}

export interface BlindAnswer {
  /** For a sentence: 'always answering class 3'. */
  readonly answer: string
  /** A sentence: what to look at where no model is better. */
  readonly cure: string
  /** What each sample contributes with this answer. */
  readonly contributions: readonly (Contribution | undefined)[]
  /** Another numbering of the labels with which far more answers would be right. */
  readonly renumbered?: { readonly how: string; readonly accuracy: number }
}
