import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { editGraph, editModel, editNode, parseText, writeModel } from '@pare/onnx'
import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { run } from '../pipeline/run.js'
import { guarded, visible, visibleData, visibleJson, visibleMessage } from '../terminal/visible.js'
import { type Folder, fixture } from '../testing/folder.js'
import { pareInProcess as pare } from '../testing/terminal.js'

/** Each would be a line of its own that a CI log obeys, an order to a terminal, or a text that reads otherwise than it is. */
const PAYLOADS = {
  'a command at the beginning': '::stop-commands::x',
  'a command on a line of its own': 'a\n::add-mask::b',
  'a command behind blanks': '\n   ::warning::x',
  'a command behind a carriage return': 'a\r::set-output name=x::1',
  'a command of the old kind': 'a ##[error]b ##vso[task.x]c ##teamcity[x]',
  'orders to a terminal': '\u001b[2J\u001b]0;title\u0007\u009b31m\b',
  'marks of direction': '\u202eabc\u2066\u200f\u061c',
  'separators of lines': 'a\u2028::error::b\u2029\u0085::debug::c',
  'what takes no room': 'a\u200b\ufeff\u00ad\u{e0041}',
}
/** All in one name: what is made of one is made of all. It begins as a command does. */
const EVIL = Object.values(PAYLOADS).join('')

function expectHarmless(text: string, what: string): void {
  for (const line of text.split('\n')) {
    expect(line, what).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    expect(line, what).not.toMatch(/^\s*::/)
    expect(line, what).not.toMatch(/##[\w.-]*\[/)
  }
}

describe('a text of others', () => {
  it.each(Object.entries(PAYLOADS))('that holds %s is one line, and harmless', (what, payload) => {
    for (const text of [payload, ` ${payload}`, `${payload}${payload}`]) {
      expect(visible(text)).not.toContain('\n')
      expectHarmless(guarded(visible(text)), what)
      expectHarmless(visibleMessage(`pare: ${text} is wrong:\n  ${text}\n    hint: x`), what)
    }
  })

  it('is what it was where nothing is hidden in it', () => {
    for (const text of ['/layer.0/MatMul', 'onnx::MatMul_12', 'größe → 2×3', '日本語', '😀', 'C:\\models\\a.onnx', '#1 [x]'])
      expect(visible(text)).toBe(text)
  })

  it('is written out so that it can be told what it was', () => {
    expect(visible('a\n\r\t\u001b\u202e##[x]')).toBe('a\\n\\r\\t\\u{1b}\\u{202e}#\\#[x]')
  })

  it('keeps the lines of a message that are ours', () => {
    expect(visibleMessage('two problems:\n  a: x\n    hint: y\nb')).toBe('two problems:\n  a: x\n    hint: y\\nb')
  })

  it('is found in all of what is printed, in keys and lists too', () => {
    const typed = Float32Array.of(1)
    expect(visibleData({ 'a\n': ['b\n', { c: new Map([['d\n', 'e\n']]) }], typed, n: 1, none: null })).toEqual({
      ...{ 'a\\n': ['b\\n', { c: new Map([['d\\n', 'e\\n']]) }], typed, n: 1, none: null },
    })
  })

  it('is the same value in JSON', () => {
    const document = { [EVIL]: [EVIL, { x: EVIL }] }
    const json = visibleJson(JSON.stringify(document, null, 2))
    expectHarmless(json, 'JSON')
    expect(JSON.parse(json)).toEqual(document)
  })
})

const quoted = (name: string) => `"${EVIL.replace(/["\\]/g, '\\$&')}${name}"`
const values = (count: number) => `{${Array.from({ length: count }, (_, i) => ((i * 37) % 17) - 8).join()}}`

/** Every name in it is hostile: graph, sizes, inputs, outputs, tensors, nodes. With an operator nobody knows, its name and domain are too. */
function hostileModel({ unknown = false } = {}) {
  const domain = unknown ? `, ${quoted('domain')} : 1` : ''
  const model =
    parseText(`<ir_version: 8, opset_import: ["" : 17${domain}], producer_name: ${quoted('p')}, doc_string: ${quoted('d')},
      metadata_props: [${quoted('key')}: ${quoted('value')}]>
    ${quoted('graph')} (float[${quoted('N')}, 8] ${quoted('in')}) => (float[${quoted('N')}, 4] ${quoted('out')})
    <float[8, 16] ${quoted('w1')} = ${values(128)}, float[16, 4] ${quoted('w2')} = ${values(64)}, float[4] ${quoted('b')} = ${values(4)}>
    { [${quoted('node1')}] ${quoted('h')} = MatMul(${quoted('in')}, ${quoted('w1')})
      [${quoted('node2')}] ${quoted('r')} = Relu(${quoted('h')})
      [${quoted('node3')}] ${quoted('m')} = MatMul(${quoted('r')}, ${quoted('w2')})
      [${quoted('node4')}] ${quoted('out')} = Add(${quoted('m')}, ${quoted('b')}) }`)
  const foreign = { op: `${EVIL}Op`, domain: `${EVIL}domain` }
  const nodes = model.graph.nodes.map((node) => (unknown && node.op === 'Relu' ? editNode(node, foreign) : node))
  return editModel(model, { graph: editGraph(model.graph, { nodes }) })
}

const MODEL = `${EVIL}.onnx`
const DATA = `${EVIL}.npz`

/** A folder whose every file has a hostile name, and hostile names in it. */
async function hostileFolder(): Promise<Folder> {
  const folder = await fixture()
  const place = (name: string) => join(folder.path, name)
  await writeModel(hostileModel(), place(MODEL))
  await writeModel(hostileModel({ unknown: true }), place(`${EVIL}-unknown.onnx`))
  const inputs = npy('<f4', [64, 8], new Uint8Array(Float32Array.from({ length: 512 }, (_, i) => ((i * 29) % 13) - 6).buffer))
  const labels = npy('<i8', [64], new Uint8Array(BigInt64Array.from({ length: 64 }, (_, i) => BigInt(i % 4)).buffer))
  const entry = (name: string) => `${EVIL}${name}.npy`
  await writeFile(place(DATA), zipSync({ [entry('in')]: inputs, 'label.npy': labels, [entry('more')]: labels }))
  await writeFile(place(`${EVIL}-wrong.npz`), zipSync({ [entry('other')]: inputs, [entry('more')]: labels }))
  await writeFile(place(`${EVIL}.jsonl`), `${JSON.stringify({ [EVIL]: EVIL })}\n${JSON.stringify(EVIL)}\n`)
  await writeFile(place(`${EVIL}.csv`), `"${EVIL}","label"\n"${EVIL}",1\n`)
  await writeFile(place(`${EVIL}.npy`), EVIL)
  await writeFile(place(`${EVIL}.tokenizer.json`), JSON.stringify({ [EVIL]: EVIL }))
  await writeFile(place(`${EVIL}.plan.json`), JSON.stringify({ kind: 'plan', [EVIL]: EVIL, steps: [{ kind: EVIL }] }))
  await writeFile(place(`${EVIL}.broken.json`), `{"a": ${EVIL}`)
  await writeFile(place(`${EVIL}.broken.yaml`), `a: [${EVIL}`)
  await writeFile(
    place('config.json'),
    JSON.stringify({
      [EVIL]: 1,
      seed: EVIL,
      models: [
        {
          path: EVIL,
          prune: [{ structure: EVIL, criterion: { name: EVIL, [EVIL]: 1 }, target: { [EVIL]: 1 }, include: [EVIL] }],
          evaluate: { data: EVIL, metric: EVIL, tokenizer: EVIL },
          gate: { [EVIL]: 1 },
        },
      ],
    }),
  )
  await mkdir(place(EVIL))
  return folder
}

function npy(type: string, shape: readonly number[], data: Uint8Array): Uint8Array {
  const header = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(',')},), }\n`
  return Uint8Array.from([...Buffer.from('\x93NUMPY\x01\x00', 'latin1'), header.length, 0, ...Buffer.from(header), ...data])
}

const EVALUATED = ['--data', DATA, '--metric', 'accuracy', '--output', `${EVIL}out`]

const COMMANDS: readonly (readonly string[])[] = [
  ['inspect', MODEL],
  ['inspect', MODEL, '--all'],
  ['inspect', `${EVIL}-unknown.onnx`, '--all'],
  ['inspect', EVIL],
  ['inspect', `${EVIL}.missing`],
  ['inspect', MODEL, '--structure', EVIL],
  ['prune', MODEL, '--sparsity', '0.5'],
  ['prune', MODEL, '--structure', 'neuron', '--ratio', '0.5', '--out', EVIL],
  ['prune', MODEL, '--structure', 'neuron', '--ratio', '0.5', '--criterion', EVIL, '--verbose'],
  ['prune', MODEL, '--include', EVIL],
  ['prune', MODEL, '--criterion', 'wanda', '--calibrate', DATA],
  ['prune', MODEL, '--criterion', 'wanda', '--calibrate', `${EVIL}-wrong.npz`, '--verbose'],
  ['prune', `${EVIL}-unknown.onnx`, '--structure', 'neuron', '--ratio', '0.5'],
  ['prune', MODEL, `--${EVIL}`, EVIL],
  ['plan', MODEL],
  ['replay', `${EVIL}.plan.json`, MODEL],
  ['replay', `${EVIL}.broken.json`, MODEL],
  ['evaluate', MODEL, ...EVALUATED],
  ['evaluate', MODEL, '--data', DATA, '--metric', EVIL],
  ['evaluate', MODEL, '--data', DATA, '--label', EVIL],
  ['evaluate', MODEL, '--data', DATA, '--output', EVIL],
  ['evaluate', MODEL, '--data', `${EVIL}-wrong.npz`, '--verbose'],
  ['evaluate', `${EVIL}-unknown.onnx`, '--data', DATA],
  ...['.jsonl', '.csv', '.npy'].map((extension) => ['evaluate', MODEL, '--data', `${EVIL}${extension}`]),
  ['evaluate', MODEL, '--data', `${EVIL}.jsonl`, '--tokenizer', `${EVIL}.tokenizer.json`],
  ['calibrate', MODEL, '--data', DATA, '--out', `${EVIL}.pare`],
  ['merge', DATA, `${EVIL}.csv`, '--out', `${EVIL}.all`],
  ['bench', MODEL, MODEL, '--runs', '2', '--batch', '1', '--threads', '1'],
  ['sensitivity', MODEL, '--data', DATA, '--sparsities', '0.5', '--out', `${EVIL}.html`],
  ['sensitivity', MODEL, '--data', `${EVIL}-wrong.npz`],
  ['run', MODEL, ...EVALUATED.slice(0, 4), '--max-drop', '0.9'],
  ['run', `${EVIL}-unknown.onnx`, ...EVALUATED.slice(0, 4), '--max-drop', '0.9', '--verbose'],
  ['run', '--config', 'config.json'],
  ['run', '--config', `${EVIL}.broken.json`],
  ['run', '--config', `${EVIL}.broken.yaml`],
  ['run', `*${EVIL}*/x`],
  ['init'],
  [EVIL],
]

describe.skipIf(process.platform === 'win32')('hostile names, wherever they stand,', () => {
  it.each(COMMANDS.map((argv) => [visible(argv.join(' ').replaceAll(EVIL, 'EVIL')), argv] as const))(
    'give no line to pare %s, nor to its JSON',
    async (name, argv) => {
      await using folder = await hostileFolder()
      const { stdout, stderr } = await pare(argv, { cwd: folder.path })
      expect(`${stdout}${stderr}`).not.toBe('')
      expectHarmless(stdout, `${name}, stdout`)
      expectHarmless(stderr, `${name}, stderr`)
      const result = await pare([...argv, '--json'], { cwd: folder.path })
      expectHarmless(result.stdout, `${name} --json`)
      expectHarmless(result.stderr, `${name} --json, stderr`)
      if (result.stdout !== '') expect(JSON.parse(result.stdout)).toBeTypeOf('object')
    },
    60_000,
  )

  it('are what they are in the JSON', async () => {
    await using folder = await hostileFolder()
    const { json } = await pare(['inspect', MODEL, '--json'], { cwd: folder.path })
    expect(JSON.stringify(json())).toContain(JSON.stringify(`${EVIL}w1`).slice(1, -1))
  })

  it('give no line to the summary, nor markup to summary and report', async () => {
    await using folder = await hostileFolder()
    const { files } = await run({
      cwd: folder.path,
      overrides: { models: [MODEL], evaluate: { data: DATA, metric: 'accuracy' }, gate: { maxDrop: 0.9 } },
    })
    const summary = await readFile(files.summary, 'utf8')
    // The zero-width spaces are ours: they keep GitHub from making mentions and links of names.
    expectHarmless(summary.replaceAll('\u200b', ''), 'summary')
    expectHarmless(await readFile(files.results, 'utf8'), 'results.json')
    const report = await readFile(files.report, 'utf8')
    expect(report).not.toContain(EVIL)
  })
})
