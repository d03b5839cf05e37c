import { figure, formatCount, share } from '@pare/gate'
import { isLost } from '../breakdown/findings.js'
import { removalsOf } from '../pruning.js'
import type { ModelResult } from '../results/results.js'
import { allowedDrop } from '../statement.js'
import { shellWord } from './shell.js'

/** What to do now: a sentence, and what to type. */
export interface Advice {
  /** What it is an answer to. */
  readonly situation: string
  readonly text: string
  /** To be added to the command that was run; a config says the same. */
  readonly options?: string
  /** A command of its own. */
  readonly command?: string
}

interface Situation {
  readonly situation: string
  /** Undefined: the model is not in this situation. */
  answer(model: ModelResult): Omit<Advice, 'situation'> | undefined
}

/** What to do about a model that did not pass, or lost a class: the likeliest first. Empty for others. */
export function adviceFor(model: ModelResult): Advice[] {
  return SITUATIONS.flatMap(({ situation, answer }) => {
    const cure = answer(model)
    return cure === undefined ? [] : [{ situation, ...cure }]
  })
}

/** The only place where situations meet their cures. */
const SITUATIONS: readonly Situation[] = [
  {
    situation: 'not-measured',
    answer: ({ verdict, error, data, pruned }) =>
      verdict === 'incomplete' && error === undefined && data === undefined && pruned !== undefined
        ? { text: 'Name the evaluation data, and what to measure on them.', options: '--data val.npz --metric accuracy' }
        : undefined,
  },
  {
    situation: 'worthless-reference',
    answer: (model) =>
      isWorthless(model)
        ? {
            text: 'Measure the reference alone: it should have the metric that it had after training. If it has not, check that this is the trained model, that inputs are scaled as in training, and that labels are numbered as the model numbers its classes.',
            command: evaluateCommand(model),
          }
        : undefined,
  },
  {
    situation: 'no-value',
    answer: (model) =>
      isWithoutValue(model)
        ? {
            text: `See what the model answers to the sample that the reason names. Where only the pruned model gives no number, prune less.`,
            command: evaluateCommand(model),
          }
        : undefined,
  },
  { situation: 'too-few-samples', answer: moreSamples },
  {
    situation: 'drop-too-large',
    answer: (model) =>
      hasLost(model) && model.trainings === undefined
        ? {
            text: 'Retrain what is left, on samples with labels that are not the evaluation data.',
            options: '--recover retrain --train train.npz',
          }
        : undefined,
  },
  {
    situation: 'drop-after-retraining',
    answer: (model) =>
      hasLost(model) && model.trainings?.length === 1
        ? {
            text: 'Prune in several steps, and retrain after each: what is left has to make up for less at once.',
            options: '--schedule cubic:5',
          }
        : undefined,
  },
  {
    situation: 'drop-without-repair',
    answer: (model) =>
      hasLost(model) &&
      model.trainings === undefined &&
      model.repair === undefined &&
      model.blocks === undefined &&
      model.calibration === undefined
        ? {
            text: 'Without labels: fit what is left to some inputs, which takes seconds.',
            options: '--recover repair --calibrate inputs.npz',
          }
        : undefined,
  },
  { situation: 'rounding-without-data', answer: roundWithData },
  { situation: 'prune-less', answer: pruneLess },
  { situation: 'uneven-layers', answer: spread },
  { situation: 'latency-within-noise', answer: quietMachine },
  { situation: 'too-slow', answer: (model) => (isBroken(model, 'maxLatency') ? cutFor(model, 'latency') : undefined) },
  { situation: 'too-large', answer: (model) => (isBroken(model, 'maxSize') ? cutFor(model, 'bytes') : undefined) },
  { situation: 'too-many-macs', answer: (model) => (isBroken(model, 'maxMacs') ? cutFor(model, 'macs') : undefined) },
  {
    situation: 'lost-class',
    answer: ({ classes = [], demands = [] }) =>
      classes.some(isLost) && !demands.some(({ about }) => about.endsWith('of each class'))
        ? {
            text: 'To fail when a class is lost, demand something of each in the config: gate: [{ maxDrop: 0.01 }, { classes: true, maxDrop: 0.1 }]. To get it back, retrain on samples that have it, or prune less.',
          }
        : undefined,
  },
]

type Limit = 'maxDrop' | 'maxRegression' | 'min' | 'max' | 'maxLatency' | 'maxSize' | 'maxMacs'
const OF_METRIC: readonly Limit[] = ['maxDrop', 'maxRegression', 'min', 'max']

/** Whether the metric, of all samples or of a part, is worse than allowed. */
function hasLost(model: ModelResult): boolean {
  return model.verdict === 'fail' && OF_METRIC.some((limit) => isBroken(model, limit))
}

/** Of one demand the results name no breach: it follows from the numbers. */
function isBroken(model: ModelResult, limit: Limit): boolean {
  const { verdict, demands, limits = {}, drop, metric = '', reference, pruned, latency, macs } = model
  if (verdict !== 'fail') return false
  if (demands !== undefined) return demands.some(({ breaches }) => breaches.some((breach) => breach.limit === limit))
  const value = pruned?.metrics[metric]
  const allowed = limits[limit]
  if (allowed === undefined) return false
  switch (limit) {
    case 'maxDrop':
      return (
        drop !== undefined && (limits.certainty === undefined ? drop.value : drop.interval[1]) > (allowedDrop(model) ?? Infinity)
      )
    case 'maxRegression':
      // How the base branch did is not among the results.
      return OTHERS.every((other) => !isBroken(model, other))
    case 'min':
      return value !== undefined && value < limits.min!
    case 'max':
      return value !== undefined && value > limits.max!
    case 'maxLatency':
      return latency !== undefined && latency.interval[1] > limits.maxLatency!
    case 'maxSize':
      return pruned !== undefined && pruned.bytes > limits.maxSize! * reference.bytes
    case 'maxMacs':
      return macs !== undefined && macs !== null && macs.after > limits.maxMacs! * macs.before
    default:
      return limit satisfies never
  }
}

const OTHERS: readonly Limit[] = ['maxDrop', 'min', 'max', 'maxLatency', 'maxSize', 'maxMacs']

/** The gate names this option in its reason, and nowhere else. */
function isWorthless({ verdict, reasons }: ModelResult): boolean {
  return verdict !== 'pass' && reasons.some((reason) => reason.includes('allow-worthless-reference'))
}

function isWithoutValue({ verdict, error, metric, data, reference, pruned }: ModelResult): boolean {
  if (verdict !== 'incomplete' || error !== undefined || metric === undefined || data === undefined) return false
  return reference.metrics[metric] === undefined || pruned?.metrics[metric] === undefined
}

function moreSamples({ verdict, resolution, data, limits = {} }: ModelResult): Omit<Advice, 'situation'> | undefined {
  if (verdict === 'pass' || resolution === undefined || resolution.resolves) return undefined
  const { samples, groups, smallest } = resolution
  const there = data === undefined ? '' : `; there are ${formatCount(data.samples)}`
  if (samples !== undefined) return { text: `Measure on more samples: about ${formatCount(samples)} can tell${there}.` }
  if (groups !== undefined) return { text: `Measure on more groups of samples: about ${formatCount(groups)} can tell.` }
  if (smallest === undefined || limits.maxDrop === undefined) return undefined
  return {
    text: `Allow a drop that samples can show: these resolve ${figure(smallest, 2)}.`,
    options: `--max-drop ${figure(smallest, 2)}`,
  }
}

/**
 * Halfway between nothing and what failed, or less far down where the drop is near the limit: it grows faster than what is removed, so a share that is as much
 * smaller as the limit is than the drop keeps the limit.
 */
function pruneLess(model: ModelResult): Omit<Advice, 'situation'> | undefined {
  if (!hasLost(model)) return undefined
  const own = removedShare(model)
  if (own === undefined) return undefined
  const [drop, allowed] = [model.drop?.value, allowedDrop(model)]
  const part = drop !== undefined && allowed !== undefined && drop > 0 ? Math.max(0.5, Math.min(0.9, allowed / drop)) : 0.5
  const next = Math.floor(own.share * part * 100) / 100
  if (!(next > 0)) return undefined
  return {
    text: `Prune less: ${share(own.share)} was too much, so try ${share(next)}. If that passes, go halfway up again; if not, halfway down.`,
    options: `${own.option} ${next}`,
  }
}

/** What one step removed, and the option that says how much. Undefined of several kinds at once: one option would not do. */
function removedShare({ sparsity, groups }: ModelResult): { share: number; option: string } | undefined {
  const [removal, second] = removalsOf(groups)
  if (removal !== undefined) {
    if (second !== undefined || sparsity !== undefined || removal.units === 0) return undefined
    return { share: removal.removed / removal.units, option: '--ratio' }
  }
  return sparsity && { share: sparsity.target ?? sparsity.after, option: '--sparsity' }
}

/** Weights in few bits that became the nearest codes, where rounding could make up for that, and for zeros. */
function roundWithData(model: ModelResult): Omit<Advice, 'situation'> | undefined {
  const { quantised, calibration } = model
  if (!hasLost(model) || quantised === undefined || quantised.rounding !== undefined || /f16$/.test(quantised.method))
    return undefined
  const data = calibration === undefined ? ' --calibrate inputs.npz' : ''
  const block = quantised.block === undefined ? '' : `block=${quantised.block},`
  return {
    text: 'Round on calibration data: codes are chosen so that outputs stay what they were before pruning and rounding.',
    options: `--quantise ${quantised.method}:${block}rounding=gptq${data}`,
  }
}

/** Layers that lost most, where they lost differently much: curves say which can bear it. */
function spread(model: ModelResult): Omit<Advice, 'situation'> | undefined {
  const { layers = [], reference, steps = [], calibration } = model
  // With an allocation each weight has a share of its own already.
  if (!hasLost(model) || layers.length < 2 || steps.some((step) => step.includes('spread by'))) return undefined
  const ranked = [...layers].sort((a, b) => b.sparsity.after - a.sparsity.after)
  const named = ranked.slice(0, 3).map(({ name, sparsity }) => `${name} (${share(sparsity.after)})`)
  // Several files are told with their weights, which is no path.
  const data = calibration === undefined || calibration.path.includes(', ') ? 'calibrate.npz' : calibration.path
  return {
    text: `Spread the zeros by what each layer can bear: measure that, then prune with --allocation curves.json. Most is gone from ${named.join(', ')}; --exclude keeps a layer whole.`,
    command: `pare sensitivity ${shellWord(reference.path, 'model.onnx')} --data ${shellWord(data, 'calibrate.npz')} --json > curves.json`,
  }
}

function quietMachine({ verdict, limits, latency }: ModelResult): Omit<Advice, 'situation'> | undefined {
  const limit = limits?.maxLatency
  if (verdict === 'pass' || limit === undefined || latency === undefined) return undefined
  const [low, high] = latency.interval
  if (limit < low || limit > high) return undefined
  return {
    text: `The limit of ${figure(limit)} lies within what this machine can tell apart (${figure(low, 3)} to ${figure(high, 3)}): time on a machine that does nothing else, or set a limit outside of that.`,
  }
}

/** Zeros alone make no file smaller and no run faster. */
function cutFor(model: ModelResult, what: 'latency' | 'bytes' | 'macs'): Omit<Advice, 'situation'> {
  const limit = { latency: model.limits?.maxLatency, bytes: model.limits?.maxSize, macs: model.limits?.maxMacs }[what]
  const target = `--target ${what}=${limit ?? 0.5}`
  if (model.groups !== undefined && model.groups.length > 0)
    return { text: 'Cut until the limit is met, instead of a ratio.', options: target }
  return {
    text: 'Zeros leave the file and its multiplications as they are: cut whole units instead (--structure head or neuron in transformers).',
    options: `--structure channel ${target}`,
  }
}

function evaluateCommand({ reference, set, data, metric }: ModelResult): string {
  const words = [shellWord(set ?? reference.path, 'model.onnx'), '--data', shellWord(data?.path ?? 'val.npz', 'val.npz')]
  return `pare evaluate ${[...words, ...(metric === undefined ? [] : ['--metric', shellWord(metric, 'accuracy')])].join(' ')}`
}
