/** One metric of one model over one data set, with what is needed to compare it with another model's, sample by sample. */
export interface Measurement {
  /** 'accuracy', 'top-5', 'f1', 'perplexity', 'cross-entropy', 'mse', 'mae', 'agreement', 'kl'. */
  readonly metric: string
  readonly value: number
  readonly better: 'higher' | 'lower'
  /** True for metrics that lie between 0 and 1: only these take an absolute `maxDrop`. */
  readonly bounded: boolean
  readonly samples: PerSample
  /** The best answer that does not look at the input. Absent: it is not known, and the measurement is taken to be worth something. */
  readonly blind?: Blind
  /** What is the same in all samples, where something is: zeros or other inputs, or the outputs of this model. */
  readonly same?: 'zeros' | 'inputs' | 'outputs'
  /** Which samples of the data were judged, where not all were: places in the columns of `SampleFacts`. */
  readonly judged?: readonly number[]
  /** Other numbers for the labels, with which far more of the model's answers would be right. */
  readonly renumbered?: LabelNumbering
}

/** What the same metric is, over the same samples, for an answer that ignores the input: a model must be better, or its metric says nothing. */
export interface Blind {
  /** For a sentence: 'always answering class 3'. */
  readonly answer: string
  readonly value: number
  /** Of the kind and number that the measurement has. */
  readonly samples: PerSample
  /** A sentence: what to look at where no model is better. */
  readonly cure: string
}

/** Another numbering of the labels. */
export interface LabelNumbering {
  /** For a sentence: 'labels + 1'. */
  readonly how: string
  readonly accuracy: number
}

/** Per-sample results. Two measurements of the same metric over the same data have the same kind and length. */
export type PerSample =
  /** Each sample is right (1) or wrong (0); the metric is the mean. */
  | { readonly kind: 'proportion'; readonly correct: readonly number[] }
  /** The metric is the mean of the values. */
  | { readonly kind: 'mean'; readonly values: readonly number[] }
  /** The metric is exp(Σ sums ÷ Σ counts): perplexity, a sample being a window with its negative log-likelihood and token count. */
  | { readonly kind: 'perplexity'; readonly sums: readonly number[]; readonly counts: readonly number[] }
  /** The metric is Σ sums ÷ Σ counts: errors ÷ words, right tokens ÷ tokens. */
  | { readonly kind: 'ratio'; readonly sums: readonly number[]; readonly counts: readonly number[] }
  /** The metric is macro F1 over classes. */
  | { readonly kind: 'f1'; readonly predicted: readonly number[]; readonly label: readonly number[] }
  /** The metric is what its `Aggregate` makes of one record a sample: counts by class, a score with its label, boxes. */
  | { readonly kind: 'records'; readonly records: readonly SampleRecord[] }

/** What one sample contributes to a metric that is no mean: as many numbers as the metric wants. */
export type SampleRecord = readonly number[]

/** The value of a metric from the records of samples; a sample counts as often as its weight says, a whole number. Default: once. */
export type Aggregate = (records: readonly SampleRecord[], weights?: ArrayLike<number>) => number

/** What is known of the samples besides what models make of them: the same for all metrics and models. */
export interface SampleFacts {
  /** Names samples in reports. Default: their number */
  readonly ids?: readonly string[]
  /** What belongs together: windows of one document, crops of one image. Absent: each sample stands alone. */
  readonly group?: Categories
  /** Columns by which the samples are told apart. */
  readonly slices: readonly Categories[]
}

/** A column of names, one for each sample. */
export interface Categories {
  /** Of the column. */
  readonly by: string
  readonly names: readonly string[]
  /** Of each sample: which of `names`. */
  readonly of: readonly number[]
}

/** What the user demands. At least one limit must be set. */
export interface Limits {
  /** Largest drop allowed. A number is absolute and only for bounded metrics; relative is a fraction of the reference's value. */
  readonly maxDrop?: number | { readonly relative: number }
  /** Largest drop allowed from what the pruned model of the base branch had, as `maxDrop` is written; not judged where that is not known. */
  readonly maxRegression?: number | { readonly relative: number }
  /** Smallest value allowed of the pruned model's metric. */
  readonly min?: number
  /** Largest value allowed of the pruned model's metric. */
  readonly max?: number
  /** Largest time of a run allowed, as a fraction of the reference's: 0.8 is a quarter faster. */
  readonly maxLatency?: number
  /** Largest file allowed, as a fraction of the reference's bytes. */
  readonly maxSize?: number
  /** Most multiplications allowed, as a fraction of the reference's. */
  readonly maxMacs?: number
  /** Confidence with which the drop must be below `maxDrop`, between 0.5 and 1 (exclusive). Default: unset, the point estimate decides. */
  readonly certainty?: number
  /** Whether a model passes although the reference is no better than an answer that ignores the input. Default: false, it is incomplete. */
  readonly allowWorthlessReference?: boolean
}

/** One of several demands, each with limits of its own: on all samples, on those of one slice, or on every part. */
export interface Demand extends Limits {
  /** Default: the first metric that is measured */
  readonly metric?: string
  /** One slice: 'language=de' */
  readonly where?: string
  /** Every value of a column, each for itself: 'language' */
  readonly by?: string
  /** Every class for itself: of the samples with its label, the share that is right. */
  readonly classes?: true
}

/** The time of a run of the pruned model ÷ that of the reference, run in turn on one machine. */
export interface RelativeLatency {
  readonly value: number
  /** 95 % confidence interval. */
  readonly interval: readonly [low: number, high: number]
  /** How long both were timed. */
  readonly seconds?: number
  /** Whether both files are the same, byte for byte. */
  readonly identical?: boolean
}

/** Something of the reference and of the pruned model: bytes, multiplications. */
export interface BeforeAfter {
  readonly before: number
  readonly after: number
}

/** The drop from reference to pruned: positive is worse, whichever way the metric points. */
export interface Drop {
  readonly metric: string
  readonly value: number
  /** value ÷ |reference|; undefined where the reference is 0. */
  readonly relative?: number
  /** Two-sided 95 % confidence interval of `value`, paired over samples. */
  readonly interval: readonly [low: number, high: number]
  /** How the interval was made: 'exact' (Clopper-Pearson limits) for proportions, else 'bootstrap'. */
  readonly method: 'exact' | 'bootstrap'
  /** Exact McNemar test, classification only: two-sided p-value. */
  readonly mcnemar?: McNemar
  /** Over which groups the interval was made, where samples belong together. */
  readonly groups?: { readonly by: string; readonly count: number }
}

export interface McNemar {
  /** Samples that only the reference got right. */
  readonly lost: number
  /** Samples that only the pruned model got right. */
  readonly gained: number
  readonly p: number
  /** Where samples belong together, `p` is that of groups that lost more samples than they gained, and the other way round. */
  readonly groups?: { readonly lost: number; readonly gained: number }
}

/** A demand not met. */
export interface Breach {
  readonly limit: 'maxDrop' | 'maxRegression' | 'min' | 'max' | 'maxLatency' | 'maxSize' | 'maxMacs'
  readonly metric: string
  readonly allowed: number
  readonly measured: number
  /** A sentence that names metric, measured value and limit. */
  readonly message: string
}

export interface Verdict {
  readonly verdict: 'pass' | 'fail' | 'incomplete'
  /** One or more sentences: how the metric went and what was allowed, or what is missing. Also for a pass. */
  readonly summary: string
  /** Why, in sentences: each breach, or what is missing, and what makes the reference worthless. Empty for a pass. */
  readonly reasons: readonly string[]
  /** What makes the reference worthless, where that is allowed; and limits that an answer without the input would meet. */
  readonly warnings?: readonly string[]
  readonly breaches: readonly Breach[]
  /** Of the first demand. */
  readonly drop?: Drop
  /** Of the first demand, only with a `maxDrop`. */
  readonly resolution?: Resolution
  /** One for each demand, in their order. */
  readonly demands: readonly DemandVerdict[]
}

/** What one demand came to. */
export interface DemandVerdict extends Omit<Verdict, 'demands'> {
  readonly demand: Demand
  /** What it is about: 'accuracy where language = de', 'accuracy by language', 'the model'. */
  readonly about: string
  /** Of a demand on every part. */
  readonly parts?: readonly PartVerdict[]
}

/** One slice or class of a demand on every part. */
export interface PartVerdict {
  /** 'de', '7' */
  readonly name: string
  readonly samples: number
  /** 'unclear': too few samples to tell. */
  readonly verdict: 'pass' | 'fail' | 'unclear'
  readonly reference?: number
  readonly pruned?: number
  readonly drop?: Pick<Drop, 'value' | 'interval' | 'groups'>
  /** The largest drop allowed, in the metric's own units. */
  readonly allowed?: number
  /** The chance of such a drop where the true one is at its limit, corrected by Holm for all parts of the gate. Without `certainty`. */
  readonly p?: number
  /** A sentence with these numbers. */
  readonly message: string
}

/** Whether the data set is large enough to tell a drop of `maxDrop` from none. */
export interface Resolution {
  readonly resolves: boolean
  /** The smallest drop that these samples resolve: the longer arm of the 95 % interval. */
  readonly smallest: number
  /** About how many samples would resolve `maxDrop`, where these do not. Undefined too where none would: a limit of 0. */
  readonly samples?: number
  /** About how many groups would, where samples belong together. */
  readonly groups?: number
  /** A sentence with these numbers. */
  readonly message: string
}
