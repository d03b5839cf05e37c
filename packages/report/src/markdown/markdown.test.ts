import { describe, expect, test } from 'vitest'
import { example, HOSTILE, hostile, withLayers } from '../sample.test.data.js'
import { commentMarker, renderComment, renderSummary } from './markdown.js'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

describe('the summary', () => {
  test('begins with the verdict, then which model, which metric, how much, allowed how much', () => {
    const lines = plain(renderSummary(example('failing'))).split('\n')
    expect(lines[0]).toBe('## ❌ Pare: mnist-resnet20-bn.onnx failed')
    expect(lines[2]).toBe(
      '❌ **<code>models/mnist-resnet20-bn.onnx</code>**: accuracy fell by 0.003, from 0.984 to 0.981; allowed is at most 0.002. 95 % interval of the drop −0.0018 to 0.0081 (2,000 samples).',
    )
  })

  test('has one row a model, with sizes plain and zipped', () => {
    const rows = plain(renderSummary(example('several-models')))
      .split('\n')
      .filter((line) => /^\| [✅❌⚠]/u.test(line))
    expect(rows).toHaveLength(4)
    expect(rows[0]).toBe(
      '| ❌ | <code>models/mnist-resnet20-bn.onnx</code> | accuracy | 0.984 → 0.981 | **0.003** (−0.0018 to 0.0081) | drop ≤ 0.002 | 50.0 % zeros | 1.11 MB → 1.11 MB (±0 %) | 1.02 MB → 591 kB (−42.0 %) |',
    )
    expect(rows[1]).toContain('| accuracy | not measured |  | drop ≤ 0.01 |')
  })

  test('draws the sparsity of every layer, and says what an error wants done', () => {
    const text = renderSummary(example('several-models'))
    expect(text.match(/```mermaid\n%%{init.*\nxychart-beta\n/g)).toHaveLength(4)
    expect(text).toContain('Hint: evaluate on fewer samples, or raise the time limit.')
    expect(text).toContain('It would take about 11,000 samples.')
  })

  test('says of a cut model what is gone, what that saves, and whether it is proved', () => {
    const text = plain(renderSummary(example('cut')))
    expect(text).toContain('| 25.0 % head; 20.0 % neuron | 4.38 MB → 3.67 MB (−16.2 %) |')
    expect(text).toMatch(
      /removed 4 of 16 head units in 4 groups, 435 of 2,176 neuron units in 5 groups; parameters 1\.09 M → 911 k \(−16\.0 %\); MACs 804 k → 631 k \(−21\.5 %\); cut = masked: largest difference \de-7, tolerance 1e-4, two sizes\./,
    )
    expect(text).toMatch(/\| 1 \| <code>.*MatMul.*<\/code> \| head \| 4 \| 3 \|/)
    expect(text).toContain('y-axis "removed in %" 0 --> 100')
    expect(text).toContain('not proved: nobody has checked')
  })

  test('averages neighbours where layers are many', () => {
    const text = renderSummary({ ...example('failing'), models: [withLayers(300)] })
    expect(text).toContain('x-axis "layers 1 to 300, 3 a bar" [1, 2, 3, ')
    expect(text.match(/ {2}bar \[(.*)\]/)?.[1]?.split(', ')).toHaveLength(100)
    expect(text).toContain('… and 50 more in the HTML report.')
  })
})

describe('the byte budget', () => {
  const many = {
    ...example('failing'),
    models: Array.from({ length: 256 }, (_, i) => withLayers(60, { path: `models/${i}.onnx`, verdict: i % 2 ? 'pass' : 'fail' })),
  }

  test('is kept at every size', () => {
    for (const maxBytes of [1 << 20, 65_536, 10_000, 1000, 500, 100, 3, 0, -5]) {
      expect(Buffer.byteLength(renderSummary(many, { maxBytes }))).toBeLessThanOrEqual(Math.max(0, maxBytes))
      expect(Buffer.byteLength(renderComment(many, { maxBytes, marker: commentMarker('a') }))).toBeLessThanOrEqual(
        Math.max(0, maxBytes),
      )
    }
  })

  test('costs the details of passing models first, and says so', () => {
    const text = renderComment(many, { marker: commentMarker('a') })
    expect(text.match(/^❌ \*\*/gm)).toHaveLength(128)
    expect(text).not.toContain('<details><summary>60 layers')
    expect(text).toMatch(/_Left out to fit: .*256 layer tables.*\. The HTML report in the artifact has everything\._\n$/)
  })

  test('never costs the verdict or the marker', () => {
    const text = renderComment(many, { maxBytes: 600, marker: commentMarker('a') })
    expect(text).toMatch(/^<!-- pare-report: a -->\n## ❌ Pare: 128 failed of 256 models\n/)
  })

  test('leaves everything in where everything fits', () => {
    expect(renderSummary(example('several-models'))).not.toContain('Left out')
  })
})

describe('text from models and data', () => {
  const one = { ...hostile(), models: [hostile().models[0]!] }
  const text = [hostile(), one].map((results) => renderComment(results, { marker: commentMarker('a') })).join('\n')

  test('brings no markup, no mention, no link, no line break', () => {
    expect(text).not.toMatch(/<(?!\/?(code|details|summary|sub)>|!-- pare-report)/)
    expect(text).not.toContain('@octocat')
    expect(text).not.toContain('https://')
    expect(text).not.toContain('[a](')
    expect(text).not.toContain('\u202e')
    // Inside <code> GitHub mentions nobody, but only if the backticks around the name are literal.
    expect(text).not.toMatch(/`(?!``)@/)
  })

  test('keeps tables whole', () => {
    for (const row of text.split('\n').filter((line) => line.startsWith('| ❌') || line.startsWith('| ⚠️')))
      expect(row.match(/\|/g)).toHaveLength(10)
  })

  test('is cut where it is endless', () => {
    const [model] = example('incomplete').models
    const endless = { ...model!, path: 'p'.repeat(1e5), error: { message: 'm'.repeat(1e6), kind: 'usage' as const } }
    expect(renderSummary({ ...example('incomplete'), models: [endless] }).length).toBeLessThan(3000)
  })
})

describe('commentMarker', () => {
  test('is an HTML comment whatever the id', () => {
    expect(commentMarker('ci / prune')).toBe('<!-- pare-report: ci%20%2F%20prune -->')
    expect(commentMarker(`-->${HOSTILE}`)).toMatch(/^<!-- pare-report: [^<>-]* -->$/)
  })

  test('differs between ids', () => {
    expect(commentMarker('a-b')).not.toBe(commentMarker('a b'))
  })
})
