import type { Decomposition } from '../site/rule.js'
import type { GradientSite } from '../site/site.js'

/** Conv(x, w, b) + z, then an activation. */
const fusedConv: Decomposition = (site) => {
  const inputs = [0, 1, 2].map((i) => site.input(i)).slice(0, site.has(2) ? 3 : 2)
  const y = site.emit.node('Conv', inputs, without(site, ['activation', 'activation_params']))
  const parameters = site.floats('activation_params') ?? []
  return [activated(site, site.has(3) ? site.add(y, site.input(3)) : y, parameters)]
}

/** α A B + β C, then an activation. */
const fusedGemm: Decomposition = (site) => {
  const names = ['activation_alpha', 'activation_beta', 'activation_gamma']
  const inputs = [0, 1, 2].map((i) => site.input(i)).slice(0, site.has(2) ? 3 : 2)
  const y = site.emit.node('Gemm', inputs, without(site, ['activation', ...names]))
  return [
    activated(
      site,
      y,
      names.map((name) => site.float(name, Number.NaN)).filter((value) => !Number.isNaN(value)),
    ),
  ]
}

function activated(site: GradientSite, y: string, parameters: readonly number[]): string {
  const activation = site.string('activation', '')
  const [first, second] = parameters
  switch (activation) {
    case '':
      return y
    case 'Relu':
    case 'Tanh':
    case 'Sigmoid':
    case 'Softplus':
    case 'Softsign':
      return site.emit.node(activation, [y])
    case 'LeakyRelu':
    case 'Elu':
    case 'ThresholdedRelu':
      return site.emit.node(activation, [y], first === undefined ? {} : { alpha: first })
    case 'HardSigmoid':
      return site.emit.node(activation, [y], first === undefined || second === undefined ? {} : { alpha: first, beta: second })
    case 'Clip':
      return site.emit.node('Clip', [y, site.emit.float(first ?? -3.4e38), site.emit.float(second ?? 3.4e38)])
    default:
      throw site.refuse(`its activation '${activation}' has no rule`)
  }
}

function without(site: GradientSite, names: readonly string[]): ReturnType<GradientSite['plain']> {
  return Object.fromEntries(Object.entries(site.plain()).filter(([name]) => !names.includes(name)))
}

export const withActivation: Readonly<Record<string, Decomposition>> = {
  'com.microsoft.FusedConv': fusedConv,
  'com.microsoft.FusedGemm': fusedGemm,
}
