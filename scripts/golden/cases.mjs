// What is recorded: for each case a name and commands of `pare`, run one after another in a folder of its own;
// with `--json`, or as a person would, or both.

const MODELS = {
  mlp: 'mlp-digits',
  resnet: 'mnist-resnet20-bn',
  folded: 'mnist-resnet20-folded',
  mobilenet: 'mnist-mobilenet-bn',
  flat: 'mnist-mobilenet-folded',
  bert: 'kjv-bert',
  llama: 'lm-llama',
  densenet: 'untrained/densenet',
  mobilenet2: 'untrained/mobilenet-v2',
  vit: 'untrained/vit',
  grouped: 'untrained/resnet-bottleneck-grouped',
}
const DATA = { mlp: 'digits', resnet: 'mnist', folded: 'mnist', mobilenet: 'mnist', flat: 'mnist', bert: 'kjv', llama: 'lm' }
const model = (name) => `../models/${MODELS[name]}.onnx`
const data = (name, use) => `../models/data/${DATA[name]}-${use}.npz`
const trained = Object.keys(DATA)

/** `prune resnet …` with the paths of models and data: `@resnet`, `@resnet.evaluate`. */
const paths = (command) => command.replace(/@(\w+)(?:\.(\w+))?/g, (_, name, use) => (use ? data(name, use) : model(name)))
const one = (name, ...commands) => ({ name, commands: commands.map(paths), styles: ['json'] })
const both = (list) => list.map((it) => ({ ...it, styles: ['json', 'text'] }))
const read = (list) => list.map((it) => ({ ...it, styles: ['text'] }))
const slug = (text) => text.replace(/[^\w.=:-]+/g, '_').replaceAll(':', '+')
/** Each command a case of its own, named after itself. */
const each = (prefix, commands) => commands.map((command) => one(`${prefix}/${slug(command.replaceAll('--', ''))}`, command))
const prune = (name, options) =>
  each(
    'prune',
    options.map((option) => `prune @${name} ${option} -o o`),
  )

const inspect = (present) => [
  ...both(
    each(
      'inspect',
      present.map((name) => `inspect @${name}`),
    ),
  ),
  ...read(
    each(
      'inspect',
      ['element', '2:4', 'tile', 'neuron', 'head', 'channel', 'layer', 'hidden'].flatMap((structure) =>
        ['bert', 'llama', 'mobilenet', 'densenet', 'vit'].map((name) => `inspect @${name} --structure ${structure} --all`),
      ),
    ),
  ),
]

const weights = [
  ...['mlp', 'mobilenet'].flatMap((name) =>
    prune(
      name,
      ['magnitude', 'magnitude:p=2', 'random'].flatMap((criterion) =>
        ['row', 'tensor', 'global'].map((scope) => `--criterion ${criterion} --scope ${scope} --sparsity 0.7`),
      ),
    ),
  ),
  ...both(trained.flatMap((name) => prune(name, ['', '--structure 2:4']))),
  ...trained.flatMap((name) => prune(name, ['--structure tile:rows=2,columns=4 --scope tensor'])),
  ...prune('resnet', [
    '--allocation uniform',
    '--allocation erk --sparsity 0.8',
    '--normalize lamp',
    '--threshold 0.01',
    '--seed 5 --criterion random',
    '--include /layers/*/conv1/*',
    '--exclude layers.*',
    '--structure 4:8',
    '--structure tile --scope row',
    '--structure tile --scope global',
  ]),
  ...prune('mlp', ['--structure nm:n=2,m=4,permute=true']),
  ...prune('bert', ['--structure tile:rows=4,columns=4 --sparsity 0.8', '--exclude /layer.*/query/* --scope row']),
]

const units = [
  ...Object.entries({
    neuron: ['mlp', 'bert', 'llama', 'vit', 'resnet'],
    head: ['bert', 'llama', 'vit'],
    layer: ['bert', 'llama', 'resnet', 'vit'],
    channel: ['resnet', 'folded', 'mobilenet', 'flat', 'densenet', 'mobilenet2', 'grouped'],
    hidden: ['bert', 'llama', 'vit'],
  }).flatMap(([structure, names]) => both(names.flatMap((name) => prune(name, [`--structure ${structure}`])))),
  ...prune(
    'bert',
    ['l2', 'mean', 'max'].map((norm) => `--structure neuron --norm ${norm} --ratio 0.5`),
  ),
  ...prune(
    'bert',
    [
      '--ratio 0.3 --scope global',
      '--ratio 0.9 --min-units 100',
      '--multiple-of 32',
      '--uniform --scope global',
      '--criterion random',
      '--target macs=0.6',
      '--target parameters=0.7',
      '--target bytes=0.8',
      '--no-prove',
    ].map((option) => `--structure neuron ${option}`),
  ),
  ...prune('mobilenet', [
    '--structure channel --scope global --multiple-of 8',
    '--structure channel --target macs=0.5',
    '--preset cnn',
    '--preset cnn --ratio 0.1',
  ]),
  ...prune('bert', ['--preset transformer']),
  ...prune('llama', ['--preset transformer --ratio 0.1']),
]

const calibrated = [
  ...Object.entries({ mlp: '', bert: ' --include /layer.0/**', mobilenet: ' --include blocks.0.conv.*' }).flatMap(
    ([name, include]) =>
      prune(
        name,
        [
          'wanda',
          'sparsegpt',
          'sparsegpt --structure 2:4',
          'wanda --allocation owl',
          'wanda --sequential',
          'activation --structure 2:4',
          'magnitude --recover repair',
        ].map((criterion) => `--calibrate @${name}.calibrate --samples 32 --criterion ${criterion}${include}`),
      ),
  ),
  ...['mean', 'l2', 'apoz', 'fluctuation'].flatMap((kind) =>
    prune('mlp', [`--structure neuron --criterion activation:kind=${kind} --calibrate @mlp.calibrate`]),
  ),
  ...prune(
    'bert',
    [
      'head --criterion sensitivity:samples=16',
      'layer --criterion block-influence',
      'layer --criterion block-influence:by=perplexity,samples=16',
      'neuron --include /layer.0/** --recover repair',
    ].map((rest) => `--calibrate @bert.calibrate --samples 32 --structure ${rest}`),
  ),
  ...prune('llama', ['--criterion block-influence:by=angular --calibrate @llama.calibrate --samples 16 --structure layer']),
  ...prune('resnet', ['--structure channel --calibrate @resnet.calibrate --samples 128 --recover repair']),
  ...prune(
    'mlp',
    ['taylor', 'snip', 'magnitude', 'fisher', 'mix', 'gates'].map(
      (of) => `--structure neuron --criterion gradient:of=${of} --train @mlp.evaluate`,
    ),
  ),
  ...prune(
    'mlp',
    [
      '--steps 20',
      '--epochs 1 --schedule cubic:3',
      '--steps 10 --distill',
      '--steps 10 --structure neuron',
      '--steps 10 --loss mse',
      '--steps 10 --learning-rate 0.1',
    ].map((rest) => `--recover retrain --train @mlp.calibrate ${rest}`),
  ),
  ...prune('resnet', ['--recover retrain --train @resnet.evaluate --steps 3', '--structure channel --schedule linear:2']),
]

const chains = [
  ...Object.entries({
    mlp: '--sparsity 0.9',
    bert: '--structure head',
    resnet: '--structure channel',
    llama: '--structure 2:4',
    mobilenet: '--preset cnn',
  }).map(([name, rest]) =>
    one(
      `replay/${name}`,
      `plan @${name} ${rest} -o p`,
      `replay p/${MODELS[name]}.plan.json @${name} -o r`,
      `inspect r/${MODELS[name]}.onnx`,
    ),
  ),
  one(
    'replay/sparsegpt',
    'plan @mlp --criterion sparsegpt --calibrate @mlp.calibrate -o p',
    'replay p/mlp-digits.plan.json @mlp -o r',
  ),
  one('replay/other-model', 'plan @mlp -o p', 'replay p/mlp-digits.plan.json @bert -o r', 'replay p/absent.json @mlp'),
  one(
    'merge',
    ...[1, 2].map((shard) => `calibrate @mlp --data @mlp.calibrate --shard ${shard}/2 -o ${shard}.pare`),
    'merge 1.pare 2.pare -o all.pare',
    'prune @mlp --criterion wanda --calibrate all.pare -o o',
    'merge 1.pare 1.pare -o twice.pare',
    'merge 1.pare -o part.pare',
    'prune @bert --criterion wanda --calibrate all.pare',
  ),
  one(
    'calibrate',
    'calibrate @bert --data @bert.calibrate --samples 32 --criterion wanda --criterion activation:kind=fluctuation -o s.pare',
    'prune @bert --structure neuron --criterion activation:kind=fluctuation --calibrate s.pare -o o',
    'prune @bert --criterion sparsegpt --calibrate s.pare',
  ),
  one(
    'sensitivity',
    'sensitivity @mlp --data @mlp.evaluate --out curves.html',
    'sensitivity @mlp --data @mlp.evaluate > curves.json',
    'prune @mlp --allocation curves.json -o o',
    'sensitivity @mlp --data @mlp.evaluate --structure neuron --ratios 0.25,0.5 --metric accuracy --samples 64',
    'sensitivity @bert --data @bert.evaluate --structure head --samples 16 --ratios 0.25 --exclude /layer.0/**',
  ),
  {
    ...one(
      'bench',
      'prune @mlp --structure neuron -o o',
      'bench @mlp o/mlp-digits.onnx --runs 20 --no-sparse',
      'bench @mlp @bert --runs 20',
    ),
    bench: true,
  },
  ...['ts', 'json', 'yaml'].map((format) => one(`init/${format}`, `init --format ${format}`, `init --format ${format}`)),
  one('devices', 'devices'),
]

const evaluate = [
  ...each(
    'evaluate',
    trained.map(
      (name) =>
        `evaluate @${name} --data @${name}.${name === 'llama' ? 'calibrate --metric perplexity' : 'evaluate --metric accuracy'}`,
    ),
  ),
  ...both(
    each(
      'evaluate',
      [
        'f1',
        'top-5',
        'cross-entropy',
        'accuracy --metric mse',
        'mae',
        'perplexity',
        'agreement --reference @mlp',
        'kl --reference @mlp',
        'kl',
      ].map((rest) => `evaluate @mlp --data @mlp.evaluate --metric ${rest}`),
    ),
  ),
  {
    ...one(
      'evaluate/text',
      'evaluate @llama --data few.txt --tokenizer ../models/lm-tokenizer.json --length 128 --batch 4 --metric perplexity',
    ),
    files: { 'few.txt': 'In the beginning God created the heaven and the earth. '.repeat(60) },
  },
]

const config = (models) => JSON.stringify({ seed: 1, models })
const gated = (name, prune, gate, rest = {}) => ({
  path: model(name),
  evaluate: { data: data(name, 'evaluate'), metric: 'accuracy' },
  prune,
  gate,
  ...rest,
})
const half = [{ structure: 'element', criterion: 'magnitude', target: { sparsity: 0.5 } }]
const most = [{ target: { sparsity: 0.95 }, scope: 'tensor' }]
const runs = Object.entries({
  pass: [gated('resnet', half, { maxDrop: 0.01 })],
  fail: [gated('mlp', most, { maxDrop: 0.01, certainty: 0.95 }), gated('bert', half, { min: 0.9 })],
  incomplete: [{ path: model('mlp'), prune: half }, gated('mlp', half, { maxDrop: { relative: 0.05 } })],
  several: [gated('bert', [{ structure: 'head' }, { structure: 'neuron', target: { ratio: 0.5 } }, ...half], { maxDrop: 0.05 })],
  preset: [
    gated(
      'mobilenet',
      { preset: 'cnn', ratio: 0.2 },
      { maxDrop: 0.1 },
      { calibrate: { data: data('mobilenet', 'calibrate'), samples: 64 } },
    ),
  ],
  retrain: [
    gated(
      'mlp',
      most,
      { maxDrop: 0.03 },
      { train: data('mlp', 'calibrate'), recover: { retrain: { steps: 30, distill: true } } },
    ),
  ],
  perplexity: [
    {
      path: model('llama'),
      evaluate: { data: data('llama', 'calibrate'), metric: ['perplexity', 'kl'] },
      prune: half,
      gate: { maxDrop: { relative: 0.2 } },
    },
  ],
  wrong: [
    {
      path: 'absent.onnx',
      prune: [{ criterion: 'magnitud', target: { sparsity: 2 } }],
      evaluate: { metric: 'acuracy' },
      gate: { maxDrop: '1%' },
    },
  ],
}).map(([name, models]) => ({ ...one(`run/${name}`, 'run'), files: { 'pare.config.json': config(models) } }))

const yaml = `models:\n  - path: ${model('mlp')}\n    prune: [{ structure: neuron, criterion: 'magnitude:p=2', target: { macs: 0.5 } }]
    evaluate: { data: ${data('mlp', 'evaluate')}, metric: [accuracy, agreement, cross-entropy] }\n    gate: { maxDrop: 0.05 }\n`
const others = [
  {
    ...one('run/yaml', 'run --config here/pare.config.yaml -o out'),
    files: { 'here/pare.config.yaml': yaml.replaceAll('../', '../../') },
  },
  one('run/options', 'run @mlp @flat --data @mlp.evaluate --metric accuracy --max-drop 0.02 --sparsity 0.6 -o out'),
]

const wrong = [
  '',
  'prun',
  'prune',
  'prune absent.onnx',
  'prune @mlp --sparsity 2',
  'prune @mlp --criterion magnitud',
  'prune @mlp --structure chanel',
  'prune @mlp --criterion wanda',
  'prune @mlp --ratio 0.5',
  'prune @mlp --structure neuron --sparsity 0.5',
  'prune @mlp --scope group',
  'prune @mlp --target macs=0.5',
  'prune @mlp --norm l3',
  'prune @mlp --nonsense',
  'prune @mlp --structure head',
  'prune @mlp --recover repair',
  'prune @mlp --recover retrain',
  'prune @mlp --preset cnn --norm l1',
  'prune @mlp --preset cnnn',
  'prune @mlp --device tpu',
  'prune @mlp --allocation owl',
  'prune @mlp --allocation erk --scope row',
  'prune @mlp --threshold 0.1 --sparsity 0.5',
  'prune @mlp --include absent*',
  'prune @mlp --schedule cubic:0',
  'prune @mlp --criterion sensitivity --calibrate @mlp.calibrate',
  'prune @mlp --criterion wanda --calibrate @resnet.calibrate',
  'prune @mlp.evaluate',
  'prune @mlp -o ../models',
  'prune @mlp --criterion random:p=1',
  'prune @mlp --structure 5:4',
  'prune @mlp --provider tpu',
  'plan @mlp --target latency=2',
  'evaluate @mlp',
  'evaluate @mlp --data absent.npz --metric accuracy',
  'evaluate @mlp --data @bert.evaluate --metric accuracy',
  'evaluate @mlp --data @mlp.evaluate --metric acuracy',
  'inspect',
  'inspect @mlp --structure nonsense',
  'run',
  'run --config absent.json',
  'run @mlp',
  'run @mlp --data @mlp.evaluate --max-drop 1%',
  'calibrate @mlp',
  'calibrate @mlp --data @mlp.calibrate --shard 3/2 -o s.pare',
  'merge',
  'merge absent.pare -o o.pare',
  'bench @mlp',
  'sensitivity @mlp',
  'init --format toml',
  'replay',
  '--version',
]
const help = [
  'inspect',
  'prune',
  'plan',
  'replay',
  'evaluate',
  'calibrate',
  'merge',
  'sensitivity',
  'bench',
  'run',
  'init',
  'devices',
].map((name) => `${name} --help`)

/** The cases; those that need a model that is not `there` are left out. */
export function cases(there) {
  const present = Object.keys(MODELS).filter((name) => there(`${MODELS[name]}.onnx`))
  const all = [
    ...inspect(present),
    ...weights,
    ...units,
    ...calibrated,
    ...evaluate,
    ...both([...chains, ...runs, ...others]),
    ...read([...each('wrong', wrong), ...each('help', ['--help', ...help])]),
  ]
  return present.includes('grouped')
    ? all
    : all.filter(({ commands }) => !commands.some((command) => command.includes(MODELS.grouped)))
}
