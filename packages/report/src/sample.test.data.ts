import { readFileSync } from 'node:fs'
import { type ModelResult, type RunResults, runResults } from './results/results.js'

/** A results file of the examples folder. */
export function example(name: 'cut' | 'failing' | 'incomplete' | 'lost-class' | 'passing' | 'several-models'): RunResults {
  return runResults.parse(JSON.parse(readFileSync(new URL(`../examples/${name}.json`, import.meta.url), 'utf8')))
}

/** The model of the failing example with `count` layers. */
export function withLayers(count: number, change: Partial<ModelResult> = {}): ModelResult {
  const [model] = example('failing').models
  const layers = Array.from({ length: count }, (_, i) => ({
    name: `model.layers.${i}.self_attn.q_proj.weight`,
    op: 'MatMul',
    shape: [64, 64 + i],
    elements: 64 * (64 + i),
    sparsity: { before: i % 5 === 0 ? 0.1 : 0, after: 0.3 + (0.6 * (i % 9)) / 8 },
  }))
  return { ...model!, layers, ...change }
}

/** Text that breaks HTML, markdown, tables, scripts and lines, and calls people. */
export const HOSTILE =
  '</script><img src=x onerror=alert(1)>|`@octocat` #1 https://evil.example\n\n# [a](javascript:b) \u202e &amp; <!--'

/** A run whose every text is hostile. */
export function hostile(): RunResults {
  const model = withLayers(3, {
    path: HOSTILE,
    reasons: [HOSTILE],
    summary: HOSTILE,
    metric: HOSTILE,
    warnings: [HOSTILE],
    steps: [HOSTILE],
    groups: [{ id: HOSTILE, structure: HOSTILE, units: 4, removed: 1 }],
    proof: { proved: false },
    declined: [{ id: HOSTILE, structure: HOSTILE, reason: HOSTILE }],
    ...hostileAnswers(),
  })
  const layers = model.layers!.map((layer) => ({ ...layer, name: HOSTILE, op: HOSTILE }))
  const broken = { ...model, verdict: 'incomplete' as const, error: { message: HOSTILE, hint: HOSTILE, kind: 'usage' as const } }
  const source = { commit: HOSTILE, repository: HOSTILE, run: `https://evil.example/${HOSTILE}`, config: HOSTILE }
  return { ...example('failing'), source, models: [{ ...model, layers }, broken] }
}

/** Classes, slices and samples with such names. */
function hostileAnswers(): Partial<ModelResult> {
  const counts = { samples: 9, right: { before: 9, after: 0 }, share: { before: 1, after: 0 }, lost: 9, gained: 0 }
  const names = [HOSTILE, HOSTILE]
  return {
    classes: names.map((name) => ({ name, ...counts, answered: { before: 9, after: 0 } })),
    confusion: {
      cells: [{ label: HOSTILE, answer: HOSTILE, before: 9, after: 0 }],
      matrix: {
        names,
        before: [
          [9, 0],
          [0, 9],
        ],
        after: [
          [0, 9],
          [9, 0],
        ],
      },
    },
    slices: [{ by: HOSTILE, name: HOSTILE, samples: 9, before: 1, after: 0 }],
    changed: { lost: 9, gained: 0, samples: [{ id: HOSTILE, label: HOSTILE, before: HOSTILE, after: HOSTILE, text: HOSTILE }] },
    findings: [HOSTILE],
    data: { path: HOSTILE, samples: 9 },
  }
}
