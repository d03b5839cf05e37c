// Written by `npm run generate -w @pare/cli` from docs/glossary.md; do not edit it.

/** The rows of the glossary, with what others call a thing. */
export const GLOSSARY: readonly { readonly words: readonly string[]; readonly text: string; readonly elsewhere?: string }[] = [
  {
    words: ['unit'],
    text: 'unit: the smallest thing kept or removed by one decision: element, channel, neuron, head, expert, block',
  },
  {
    words: ['structure'],
    text: 'structure: a kind of unit and how to find it',
    elsewhere: 'granularity, pattern',
  },
  {
    words: ['group'],
    text: 'group: units that exist across coupled tensors and go together',
    elsewhere: 'dependency group (DepGraph)',
  },
  {
    words: ['slice'],
    text: 'slice: the part of one tensor that belongs to a unit',
    elsewhere: 'index mapping',
  },
  {
    words: ['criterion'],
    text: 'criterion: the rule that yields saliency',
    elsewhere: 'importance',
  },
  {
    words: ['saliency', 'score'],
    text: 'saliency: of an element; score: of a unit',
    elsewhere: 'metric, importance score',
  },
  {
    words: ['statistic'],
    text: 'statistic: measured on calibration data: what elements become, reduced over samples and positions by mean, maximum, variance or products of pairs',
    elsewhere: 'observer state',
  },
  {
    words: ['calibration'],
    text: 'calibration: running calibration data through a model to measure statistics',
  },
  {
    words: ['checkpoint', 'shard', 'piece', 'tie'],
    text: 'checkpoint: weights in .safetensors files, as they are trained and published; shard (of a checkpoint): one of its files; piece (of a tensor): rows or columns that it shares with a weight of the ONNX model; tie: a weight that shares a tensor with another',
  },
  {
    words: ['shard'],
    text: 'shard: what one of several machines does: a part of calibration data, made of whole chunks, measured apart and merged; or the pieces of a run that fall to it',
  },
  {
    words: ['sequential'],
    text: 'sequential: block by block, each judged by what it meets once the blocks before it are pruned',
  },
  {
    words: ['decision'],
    text: 'decision: a value inside a model that jumps where floats differ by rounding: a peak, a top-k, a step; a proof gives both models the same ones',
  },
  {
    words: ['obstacle'],
    text: 'obstacle: a node beyond which the analysis knows nothing of axes, with the reason',
  },
  {
    words: ['publication'],
    text: 'publication: the results of one command on their way into a folder: staged apart, put in place together',
  },
  {
    words: ['worthless reference'],
    text: 'worthless reference: one that is no better than an answer that ignores the input, so that nothing can be lost',
  },
  {
    words: ['symbol', 'tied'],
    text: 'symbol: the name of a size that a model leaves open; tied where it follows from others, as that of a mask over a cache does',
    elsewhere: 'dynamic axis',
  },
  {
    words: ['question', 'prompt'],
    text: 'question: what a language model is asked with the choices that are compared by how likely it holds them; prompt: what it goes on from to write an answer',
  },
  {
    words: ['padding'],
    text: 'padding: positions that only fill a sample up: where its attention mask is 0',
  },
  {
    words: ['provider'],
    text: 'provider: where the run time computes: cpu, cuda, webgpu, dml, coreml',
    elsewhere: 'execution provider',
  },
  {
    words: ['calibration data', 'training data', 'evaluation data'],
    text: 'calibration data: inputs for statistics and repair; training data has labels or a teacher, for gradients and retraining; evaluation data is for the gate and nothing else',
  },
  {
    words: ['sparsity', 'density'],
    text: 'sparsity: zeros ÷ elements; density = 1 − sparsity',
  },
  {
    words: ['ratio'],
    text: 'ratio: removed units ÷ all units',
    elsewhere: 'pruning ratio',
  },
  {
    words: ['budget'],
    text: 'budget: the fraction of parameters, MACs or bytes that may remain after a step',
    elsewhere: 'target, constraint',
  },
  {
    words: ['norm'],
    text: "norm: how the saliencies of a unit's elements make its score: l1 their sum, l2 the root of the sum of squares, mean, max",
    elsewhere: 'group reduction',
  },
  {
    words: ['uniform'],
    text: 'uniform: groups with as many units lose as many',
  },
  {
    words: ['vocabulary'],
    text: 'vocabulary: the tokens of a model, and what it holds for each: rows of tables, outputs of heads',
  },
  {
    words: ['preset'],
    text: 'preset: a list of steps for a kind of model, by name',
  },
  {
    words: ['recipe'],
    text: 'recipe: a config for a kind of model, steps with recovery and bits, with what it made of test models',
  },
  {
    words: ['side-car'],
    text: 'side-car: a file beside a model that tells run times its sizes: config.json, genai_config.json',
  },
  {
    words: ['folder', 'companions', 'variants'],
    text: 'folder (of a model): a model with the files that run times want beside it, and what goes in and comes out as one; its companions go along as they are, variants are the same model in another precision',
  },
  {
    words: ['mask'],
    text: 'mask (noun): 1 = kept, always',
  },
  {
    words: ['mask', 'cut'],
    text: 'mask (verb) / cut: zero the units, shapes stay / remove them, shapes shrink',
  },
  {
    words: ['N:M'],
    text: 'N:M: N kept of each M consecutive; in code { keep: 2, of: 4 }',
    elsewhere: 'Neural Compressor means N pruned',
  },
  {
    words: ['scope'],
    text: 'scope: what is ranked together: row, tensor, group, global',
  },
  {
    words: ['solver'],
    text: 'solver: chooses the mask and changes the remaining weights together (SparseGPT, ALPS)',
  },
  {
    words: ['reader'],
    text: 'reader: a weight that sums over the units of a group, with what its inputs have in common',
    elsewhere: 'consumer',
  },
  {
    words: ['jointly'],
    text: 'jointly: of units of a group: judged by which others go too, since those that stay make up for them',
  },
  {
    words: ['refit'],
    text: 'refit: change the remaining weights of a mask that is decided already to their least-squares fit on calibration data',
    elsewhere: 'reconstruction',
  },
  {
    words: ['gate of a unit', 'the gate'],
    text: 'gate of a unit: a place where a factor 0 equals removing the unit; not to be confused with the gate, which passes or fails',
  },
  {
    words: ['drop'],
    text: 'drop: a worsening of a metric, positive whichever way the metric points',
    elsewhere: 'regression',
  },
  {
    words: ['allocation'],
    text: 'allocation: how a model-wide target is spread over layers',
    elsewhere: 'layer-wise sparsity',
  },
  {
    words: ['level'],
    text: 'level: one of several sets of values for a weight, with what it costs: the weight solved at one sparsity; not a level of repair, which is a depth in the graph',
  },
  {
    words: ['search', 'smallest'],
    text: 'search: of shares: trying models put together of solved levels, at the same total cost, for the one whose outputs stay nearest to the reference; for the smallest: trying candidates for the smallest that passes',
    elsewhere: 'evolutionary search (EvoPress)',
  },
  {
    words: ['candidate', 'sequence', 'shape'],
    text: 'candidate: what a search for the smallest model tries: the steps with one ratio, or one for each, and a form of the weights; sequence: candidates that lose more and more; shape: how far each step goes as a part of the one that goes furthest',
  },
  {
    words: ['search data'],
    text: 'search data: what candidates are measured on; never what the gate judges by',
  },
  {
    words: ['schedule'],
    text: 'schedule: the target at each step: one-shot, iterative',
    elsewhere: 'sparsity decay',
  },
  {
    words: ['reference'],
    text: 'reference: the model before pruning',
    elsewhere: 'baseline',
  },
  {
    words: ['base', 'head'],
    text: 'base / head: the two commits of a pull request',
  },
  {
    words: ['stage'],
    text: 'stage: one of several rounds of pruning and recovery on the way to a target',
  },
  {
    words: ['held out'],
    text: 'held out: of training data: not trained on, and what decides which weights are kept',
    elsewhere: 'validation set',
  },
  {
    words: ['recover'],
    text: 'recover: repair, train block by block, retrain or distil after pruning',
  },
  {
    words: ['part'],
    text: 'part (of a block): attention alone, or the feed-forward network alone, with its non-linearity and what it is added to: what is trained at once, block by block, without labels',
    elsewhere: 'sub-block',
  },
  {
    words: ['gate'],
    text: 'gate: the limits that a pruned model is held to, and what passes or fails it by them',
    elsewhere: 'quality gate',
  },
  {
    words: ['limit', 'breach', 'verdict'],
    text: 'limit, breach, verdict: what the user demands; a demand not met; pass, fail or incomplete with reasons',
    elsewhere: 'threshold',
  },
  {
    words: ['parity'],
    text: 'parity: the same numbers as another implementation within a stated tolerance',
  },
]
