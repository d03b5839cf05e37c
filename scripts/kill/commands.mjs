// Every command that does something, as scripts/kill.mjs ends it. Inputs lie in the folder where they run; each writes into a folder of its own below `out`, several into the same.

const PRUNE = ['prune', 'model.onnx', '--out', 'out/pruned', '--sparsity']
const RUN = ['run', 'model.onnx', '--data', 'evaluate.npz', '--max-drop', '0.9', '--out', 'out/run', '--no-baselines']
const CALIBRATED = ['--calibrate', 'calibrate.npz', '--samples', '128']

/** By name: what is written after `pare`, with a fraction that changes each time; `folder`: where it writes, below `out`; `cwd`: where it runs, if elsewhere. */
export const COMMANDS = {
  prune: { folder: 'pruned', argv: (fraction) => [...PRUNE, fraction, '--masks', 'out/pruned/masks.npz'] },
  solve: { folder: 'pruned', argv: (fraction) => [...PRUNE, fraction, '--criterion', 'sparsegpt', ...CALIBRATED] },
  retrain: {
    folder: 'pruned',
    argv: (fraction) => [...PRUNE, fraction, '--train', 'calibrate.npz', '--recover', 'retrain', '--epochs', '1'],
  },
  quantise: { folder: 'pruned', argv: (fraction) => [...PRUNE, fraction, '--quantise', 'int8'] },
  units: {
    folder: 'pruned',
    argv: (fraction) => [
      ...['prune', 'model.onnx', '--out', 'out/pruned', '--structure', 'neuron', '--ratio', fraction],
      ...[...CALIBRATED, '--recover', 'repair'],
    ],
  },
  plan: { folder: 'plan', argv: (fraction) => ['plan', 'model.onnx', '--sparsity', fraction, '--out', 'out/plan'] },
  replay: {
    folder: 'replayed',
    argv: () => ['replay', 'made/plan/model.plan.json', 'model.onnx', '--out', 'out/replayed'],
  },
  run: { folder: 'run', argv: (fraction) => [...RUN, '--sparsity', fraction] },
  cut: { folder: 'run', argv: () => [...RUN, '--structure', 'neuron', '--ratio', '0.5'] },
  workers: { folder: 'run', argv: (fraction) => [...RUN, '--sparsity', fraction, '--workers', '2'] },
  smallest: {
    folder: 'smallest',
    argv: () => [
      ...['run', 'model.onnx', '--data', 'evaluate.npz', '--search-data', 'calibrate.npz', '--target', 'max-drop=0.1'],
      ...['--trials', '4', '--max-drop', '0.9', '--out', 'out/smallest', '--no-baselines'],
    ],
  },
  shard: {
    folder: 'shards',
    argv: () => [
      'run',
      'model.onnx',
      '--data',
      'evaluate.npz',
      '--max-drop',
      '0.9',
      '--no-baselines',
      '--shard',
      '1/2',
      '--out',
      'out/shards',
    ],
  },
  merge: {
    folder: 'merged',
    argv: () => [
      'merge',
      'made/shards',
      'model.onnx',
      '--data',
      'evaluate.npz',
      '--max-drop',
      '0.9',
      '--no-baselines',
      '--out',
      'out/merged',
    ],
  },
  report: { folder: 'report', argv: () => ['report', 'made/run/results.json', '--out', 'out/report'] },
  calibrate: {
    folder: 'statistics',
    argv: () => ['calibrate', 'model.onnx', '--data', 'calibrate.npz', '--out', 'out/statistics/stats.pare'],
  },
  'merge of statistics': {
    folder: 'statistics',
    argv: () => ['merge', 'made/statistics/1.pare', 'made/statistics/2.pare', '--out', 'out/statistics/merged.pare'],
  },
  sensitivity: {
    folder: 'curves',
    argv: () => [
      ...['sensitivity', 'model.onnx', '--data', 'evaluate.npz', '--samples', '64', '--sparsities', '0.5,0.9'],
      ...['--out', 'out/curves/curves.html'],
    ],
  },
  vocabulary: {
    folder: 'smaller',
    argv: () => [
      'vocabulary',
      'language/model.onnx',
      '--tokenizer',
      'language/tokenizer.json',
      '--text',
      'words.txt',
      '--out',
      'out/smaller',
    ],
  },
  init: { folder: 'project', cwd: 'out/project', argv: () => ['init', '--yes'] },
  evaluate: { argv: () => ['evaluate', 'model.onnx', '--data', 'evaluate.npz'] },
  bench: { argv: () => ['bench', 'model.onnx', 'made/pruned/model.onnx', '--seconds', '1'] },
  inspect: { argv: () => ['inspect', 'model.onnx'] },
  check: { argv: (fraction) => ['check', 'model.onnx', '--data', 'evaluate.npz', '--sparsity', fraction] },
  'plan-run': {
    argv: (fraction) => ['plan-run', 'model.onnx', '--data', 'evaluate.npz', '--sparsity', fraction, '--shards', '2'],
  },
}

/** What is made once, for commands that take what others wrote. */
export const MADE = [
  ['prune', 'model.onnx', '--out', 'made/pruned'],
  ['plan', 'model.onnx', '--structure', 'neuron', '--ratio', '0.5', '--out', 'made/plan'],
  ['run', 'model.onnx', '--data', 'evaluate.npz', '--max-drop', '0.9', '--no-baselines', '--out', 'made/run'],
  ...[1, 2].map((i) => [
    ...['run', 'model.onnx', '--data', 'evaluate.npz', '--max-drop', '0.9', '--no-baselines', '--shard', `${i}/2`],
    ...['--out', 'made/shards'],
  ]),
  ...[1, 2].map((i) => [
    ...['calibrate', 'model.onnx', '--data', 'calibrate.npz', '--shard', `${i}/2`, '--out', `made/statistics/${i}.pare`],
  ]),
]
