// The direction of imports: wasm, onnx <- plugin | linear-algebra | axes | quantise | vocabulary <- core <- criterion-* | structure-* <- preset-* <- cli <- action; gate <- metric <- metric-* <- evaluate; evaluate, gate, report <- cli; onnx <- autograd <- retrain <- cli; onnx <- sparse <- gpu <- evaluate; gpu <- cli.
const src = (name) => `^packages/${name}/src`
const TESTS = '\\.test(\\.support)?\\.ts$'

/** Packages each package may import besides itself. Anything not listed is forbidden. */
const allowed = {
  wasm: [],
  onnx: [],
  onnxruntime: ['onnx'],
  plugin: ['onnx'],
  'linear-algebra': ['wasm', 'onnx'],
  axes: ['onnx'],
  quantise: ['onnx'],
  vocabulary: ['onnx', 'axes'],
  core: ['wasm', 'onnx', 'plugin', 'linear-algebra', 'axes', 'quantise', 'vocabulary'],
  'criterion-[^/]+': ['core', 'linear-algebra'],
  'structure-[^/]+': ['core'],
  'preset-[^/]+': ['core', 'criterion-[^/]+', 'structure-[^/]+'],
  gate: [],
  shards: ['onnx'],
  autograd: ['onnx'],
  retrain: ['wasm', 'onnx', 'autograd', 'evaluate'],
  sparse: ['wasm', 'onnx', 'onnxruntime'],
  gpu: ['core', 'onnx', 'onnxruntime', 'sparse'],
  metric: ['onnx', 'gate'],
  'metric-[^/]+': ['onnx', 'gate', 'metric'],
  evaluate: ['onnx', 'onnxruntime', 'gate', 'gpu', 'sparse', 'metric', 'metric-[^/]+'],
  report: ['gate'],
  testing: ['core', 'onnx', 'onnxruntime', 'gate', 'metric'],
  cli: [
    'onnx',
    'axes',
    'onnxruntime',
    'core',
    'quantise',
    'vocabulary',
    'criterion-[^/]+',
    'structure-[^/]+',
    'preset-[^/]+',
    'evaluate',
    'gate',
    'report',
    'shards',
    'autograd',
    'retrain',
    'sparse',
    'gpu',
  ],
  action: ['cli', 'report', 'onnxruntime'],
  'create-pare-plugin': [],
}

/** Folders of the command line: each may import those before it, and no others. */
const FOLDERS = [
  'terminal',
  'options',
  'files',
  'plugins',
  'settings',
  'engine',
  'proof',
  'lockfile',
  'pipeline',
  'sharding',
  'views',
  'init',
  'commands',
  'command-line',
]
const folder = (name) => `^packages/cli/src/${name}/`

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(allowed).map(([from, to]) => ({
      name: `imports-of-${from}`,
      comment: `packages/${from} may import only: ${to.join(', ') || 'nothing of ours'}`,
      severity: 'error',
      from: { path: src(from), pathNot: TESTS },
      to: { path: '^packages/', pathNot: [src(from), ...[from, ...to].map((name) => `^packages/${name}/`)] },
    })),
    ...FOLDERS.slice(0, -1).map((name, i) => ({
      name: `cli-${name}`,
      comment: `packages/cli/src/${name} may import only: ${FOLDERS.slice(0, i).join(', ') || 'no other folder'}`,
      severity: 'error',
      from: { path: folder(name), pathNot: TESTS },
      to: { path: FOLDERS.slice(i + 1).map(folder) },
    })),
    {
      name: 'no-undeclared',
      comment: 'what is imported stands in package.json',
      severity: 'error',
      from: { pathNot: TESTS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    // Templates are plugins of somebody else, with a package.json of their own.
    exclude: { path: ['^packages/[^/]+/(dist|fixtures|templates)/'] },
    doNotFollow: { path: ['node_modules', '^packages/[^/]+/dist'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
}
