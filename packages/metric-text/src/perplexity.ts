import { defineMetric, tokenShares } from '@pare/metric'
import { likelihoodOfTokens } from './parts/likelihood.js'

export const perplexity = defineMetric({
  name: 'perplexity',
  formula: 'exp(Σ −log p(token | tokens before it) ÷ tokens predicted)',
  create: () => ({
    better: 'lower',
    bounded: false,
    needs: { read: 'tokens' },
    of: likelihoodOfTokens,
    combine: 'perplexity',
    blind: tokenShares,
  }),
})
