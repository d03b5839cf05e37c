import { type Metric, tokenShares } from '@pare/metric'
import { likelihoodOfTokens } from './parts/likelihood.js'

export function perplexity(): Metric {
  return {
    name: 'perplexity',
    formula: 'exp(Σ −log p(token | tokens before it) ÷ tokens predicted)',
    better: 'lower',
    bounded: false,
    needs: { read: 'tokens' },
    of: likelihoodOfTokens,
    combine: 'perplexity',
    blind: tokenShares,
  }
}
