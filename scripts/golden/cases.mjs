// Reads cases.txt, whose head says how it is written.
import { readFileSync } from 'node:fs'

const MODELS = {
  ...{ mlp: 'mlp-digits', bert: 'kjv-bert', llama: 'lm-llama', vit: 'untrained/vit', densenet: 'untrained/densenet' },
  ...{ resnet: 'mnist-resnet20-bn', folded: 'mnist-resnet20-folded', grouped: 'untrained/resnet-bottleneck-grouped' },
  ...{ mobilenet: 'mnist-mobilenet-bn', flat: 'mnist-mobilenet-folded', mobilenet2: 'untrained/mobilenet-v2' },
}
const DATA = { mlp: 'digits', bert: 'kjv', llama: 'lm' }

/** The cases, each with a name, styles and commands; those that need a model that is not `there` are left out. */
export function cases(there) {
  const lines = readFileSync(new URL('cases.txt', import.meta.url), 'utf8').split('\n')
  return lines
    .filter((line) => /^(json|text|both) /.test(line))
    .flatMap(expand)
    .map(caseOf)
    .filter(({ models }) => models.every(there))
}

function expand(line) {
  const braces = /\{([^{}]*\|[^{}]*)\}/.exec(line)
  if (braces === null) return [line]
  const [whole, inside] = braces
  const [before, after] = [line.slice(0, braces.index), line.slice(braces.index + whole.length)]
  return inside.split('|').flatMap((choice) => expand(`${before}${choice}${after}`))
}

function caseOf(line) {
  const [, style, label, text] = /^(\w+) (?:(\S+) = )?(.*)$/.exec(line)
  const models = []
  let last = ''
  const path = (_, name = last, use) => {
    last = name
    if (use) return `../models/data/${DATA[name] ?? 'mnist'}-${use}.npz`
    models.push(`${MODELS[name]}.onnx`)
    return `../models/${MODELS[name]}.onnx`
  }
  const commands = text.split(' && ').map((command) => command.replace(/(?:@(\w+)|%(?=\.))(?:\.(\w+))?/g, path))
  const name =
    label ??
    `${text.split(' ')[0]}/${text
      .replace(/ -o o$/, '')
      .replace(/[^\w.=:@%-]+/g, '_')
      .replaceAll(':', '+')}`
  return { name, styles: style === 'both' ? ['json', 'text'] : [style], commands, models, bench: label === 'bench' }
}
