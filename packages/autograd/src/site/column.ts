import { type Column, columnOf } from '@pare/onnx'
import { entries } from '../rules/rules.js'
import { QUANTIZED } from '../rules/rules-declined.js'

const WORDS = entries().map(([name, entry]): [name: string, word: string, note: string] => {
  if (entry === 'flat') return [name, 'none', '']
  return typeof entry === 'object' && 'declined' in entry ? [name, 'no', entry.declined] : [name, 'yes', '']
})
const LATER = 'no rule yet'

/** Whether a gradient passes an operator. */
export const gradientColumn: Column = columnOf({
  title: 'gradient',
  rules: new Map(WORDS.map(([name, word]) => [name, word])),
  notes: new Map(WORDS.map(([name, , note]) => [name, note])),
  none: 'no',
  because: {
    ...{ unruled: LATER, global: LATER, recurrent: LATER, experts: LATER },
    generating: 'its outputs have nothing to do with the positions of its inputs',
    random: 'random numbers of its own',
    nesting: 'its graphs are not followed',
    container: 'not a tensor',
    text: 'text, files or tokens',
    quantized: QUANTIZED,
  },
  notYet: new Set(
    `GridSample MeanVarianceNormalization ReverseSequence RoiAlign Scatter TensorScatter Upsample
     com.microsoft.BiasSplitGelu com.microsoft.DequantizeLinear com.microsoft.GatherND com.microsoft.GridSample
     com.microsoft.Pad com.microsoft.QuantizeLinear com.microsoft.TransposeMatMul com.microsoft.Trilu`.split(/\s+/),
  ),
})
