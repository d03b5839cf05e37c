import { each, type GradientRules } from '../site/rule.js'

export const QUANTIZED = 'it computes with quantised numbers; prune and retrain first, quantise afterwards'

/** What has no rule on purpose, and why. */
export const declined: GradientRules = {
  ...each('LSTM GRU RNN', {
    declined:
      'recurrent layers do not give the states of their gates, from which gradients would be computed step by step backwards',
  }),
  ...each('Scan Loop', { declined: 'it repeats a nested graph' }),
  ...each(
    'QLinearConv QLinearMatMul ConvInteger MatMulInteger DynamicQuantizeLinear QuantizeLinear DequantizeLinear com.microsoft.MatMulNBits ' +
      'com.microsoft.DynamicQuantizeMatMul com.microsoft.QGemm com.microsoft.QAttention com.microsoft.MatMulIntegerToFloat',
    { declined: QUANTIZED },
  ),
}
