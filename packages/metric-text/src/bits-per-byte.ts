import { defineMetric } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { likelihoodOfTokens } from './parts/likelihood.js'

export const bitsPerByte = defineMetric({
  name: 'bits-per-byte',
  formula: 'Σ −log₂ p(token | tokens before it) ÷ bytes of the tokens predicted',
  create: () => ({
    better: 'lower',
    bounded: false,
    needs: { read: 'tokens' },
    of(sample) {
      const { rows, bytes, scored } = sample
      if (bytes === undefined) {
        throw new PareError("metric 'bits-per-byte': how many bytes a token stands for is not known.", {
          hint: 'name the tokenizer, which says so, or measure perplexity.',
        })
      }
      let length = 0
      for (let t = 1; t < rows.length; t++) if (!scored || scored[t]) length += bytes[t]!
      const [sum] = likelihoodOfTokens(sample)
      return length === 0 ? undefined : [sum / Math.LN2, length]
    },
    combine: 'mean',
  }),
})
