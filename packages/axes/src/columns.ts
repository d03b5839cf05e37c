import { byOperator, type Column, columnOf } from '@pare/onnx'
import { elementwise } from './dependency/rules/broadcast.js'
import { AXIS_RULES } from './dependency/rules/rules.js'
import { RESIZE } from './sizes/resize.js'
import { WEIGHT_OPERATORS } from './weight-operators.js'

/** Parts of the inputs and outputs that operators with a rule hold all the same. */
const HELD_PARTS: readonly (readonly [part: string, names: string])[] = [
  [
    'positions that windows slide over are held',
    `Conv ConvTranspose com.microsoft.FusedConv AveragePool LpPool GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample
     com.microsoft.GridSample RoiAlign`,
  ],
  ['positions that windows slide over are held; everything, where its indices are used', 'MaxPool'],
  [
    'whole heads may go; the size of a head and the positions are held',
    `Attention com.microsoft.Attention com.microsoft.MultiHeadAttention com.microsoft.GroupQueryAttention RotaryEmbedding
     com.microsoft.RotaryEmbedding`,
  ],
  ['hidden units of all gates and both directions go together; steps are held; everything, with layout = 1', 'LSTM GRU RNN'],
  [
    'experts, their hidden units and the width; weights of the order [experts, in, out] are cut by experts only',
    'com.microsoft.MoE',
  ],
  ['the axis it runs over is held, but for experts that a router chooses among; before opset 13 all from it on', 'Softmax'],
  ['the axis it runs over is held; before opset 13 all from it on', 'LogSoftmax Hardmax'],
  ['sizes that end in a target or in bounds follow; computed with otherwise, as √headDim, they hold their axis', 'Shape Size'],
  [
    'the axis it works along is held, but for experts that a router chooses among',
    `ArgMax TopK GatherElements ScatterElements Scatter OneHot`,
  ],
  ['the axis it works along is held', `ArgMin CumSum ReverseSequence Compress`],
  ['the last two axes are held', 'Trilu com.microsoft.Trilu'],
  ['axes that the indices reach are held', 'GatherND ScatterND'],
  [
    'a statistic runs over it: what goes changes the rest',
    `LayerNormalization RMSNormalization SimplifiedLayerNormalization MeanVarianceNormalization ReduceMean ReduceMax
     ReduceMin ReduceProd ReduceLogSumExp com.microsoft.SkipLayerNormalization
     com.microsoft.SkipSimplifiedLayerNormalization com.microsoft.EmbedLayerNormalization`,
  ],
  ['groups are held; the same channels of every group may go', 'GroupNormalization'],
  ['positions are held', 'InstanceNormalization'],
  ['channels are held', 'LRN'],
  ['an axis that is padded is held', 'Pad com.microsoft.Pad'],
  ['an axis that is resampled is held', 'Resize Upsample'],
  ['blocks and positions are held', 'DepthToSpace SpaceToDepth'],
  ['letters twice in a term and stretched axes are held', 'Einsum'],
  ['transposed batches are held', 'com.microsoft.FusedMatMul com.microsoft.TransposeMatMul'],
  ['stretches, and every k-th position; steps backwards hold the axis', 'Slice'],
  ['any constant positions, some perhaps again or not at all; positions that are computed hold the axis', 'Gather'],
  [
    'of an axis with scales for blocks whole blocks may go',
    `QuantizeLinear DequantizeLinear com.microsoft.QuantizeLinear com.microsoft.DequantizeLinear`,
  ],
  ['what it makes is held', 'Range EyeLike'],
  ['what it looks at and what it makes is held', 'NonZero NonMaxSuppression Unique'],
  [
    'of the inputs whole blocks may go; they are held where zero points share bytes or a block is not full',
    'com.microsoft.MatMulNBits',
  ],
  ['positions that windows slide over are held', 'ConvInteger QLinearConv'],
  [
    'positions that windows slide over are held; everything, where channels stand last',
    'com.microsoft.QLinearAveragePool com.microsoft.QLinearGlobalAveragePool',
  ],
  ['the axis it runs over is held; before opset 13 all from it on', 'com.microsoft.QLinearSoftmax'],
]

/** Whether axes pass an operator. One without a rule holds every axis that touches it. */
export const axisColumn: Column = columnOf({
  title: 'axes',
  rules: new Map([
    ['Constant', 'understood'],
    ...[...AXIS_RULES].map(([name, rule]) => [name, rule === elementwise ? 'passes' : 'understood'] as const),
  ]),
  notes: new Map([['Constant', 'is the constant'], ...byOperator(HELD_PARTS)]),
  none: 'held',
  because: {
    unruled: 'no rule yet',
    generating: 'its outputs have nothing to do with the positions of its inputs',
    random: 'random numbers of its own',
    global: 'works across all positions at once',
    recurrent: 'a recurrent layer',
    nesting: 'its graphs are not followed',
    container: 'not a tensor',
    text: 'text, files or tokens',
    quantized: 'computes with quantised weights',
    experts: 'a mixture of experts',
    loss: 'a part of training',
  },
  notYet: new Set(`TensorScatter com.microsoft.GatherND`.split(/\s+/)),
})

/** What becomes of the sizes that an operator states, when units go: those of the others follow from their inputs, and what is held has none to change. */
export const sizeColumn: Column = {
  title: 'sizes',
  names: new Set(RESIZE.keys()),
  contradictions: [...RESIZE.keys()].filter((name) => !AXIS_RULES.has(name)),
  cell(operator) {
    if (RESIZE.has(operator)) return { text: 'written anew', note: '' }
    return { text: axisColumn.cell(operator)?.text === 'held' ? '–' : 'follow', note: '' }
  },
}

/** Operators with weights that are not pruned, and why. */
const UNPRUNED = byOperator([
  [
    'its weights are quantised',
    `com.microsoft.GemmFloat8 com.microsoft.MatMulBlockQuantizedFp4Weight com.microsoft.MatMulBlockQuantizedFp8Weight
     com.microsoft.MatMulBnb4 com.microsoft.MatMulFpQ4 com.microsoft.MatMulInteger16 com.microsoft.MatMulNBitsMlp
     com.microsoft.MatMulNBitsQkv com.microsoft.QLinearConv com.microsoft.QMoE com.microsoft.QOrderedAttention
     com.microsoft.QOrderedLongformerAttention com.microsoft.QOrderedMatMul com.microsoft.DynamicQuantizeLSTM`,
  ],
  ['an embedding is cut along the width of the network only', 'Gather com.microsoft.EmbedLayerNormalization'],
  [
    'no rule yet',
    `DeformConv com.microsoft.AttnLSTM com.microsoft.ConvTransposeWithDynamicPads com.microsoft.DecoderAttention
     com.microsoft.DecoderMaskedSelfAttention com.microsoft.FusedMatMulActivation com.microsoft.GemmFastGelu
     com.microsoft.LongformerAttention com.microsoft.NhwcConv com.microsoft.NhwcFusedConv
     com.microsoft.PackedAttention com.microsoft.SparseToDenseMatMul com.microsoft.TransposeMatMul`,
  ],
])

/** Whether an operator multiplies with a weight that can be pruned. */
export const weightColumn: Column = {
  title: 'weights',
  names: new Set([...WEIGHT_OPERATORS.keys(), ...UNPRUNED.keys()]),
  contradictions: [...UNPRUNED.keys()].filter((name) => WEIGHT_OPERATORS.has(name)),
  cell(operator) {
    const entry = WEIGHT_OPERATORS.get(operator)
    if (entry?.isPruned !== undefined) return { text: 'pruned', note: `if named only, where ${entry.reason}` }
    if (entry !== undefined) return { text: entry.reason === undefined ? 'pruned' : 'if named', note: entry.reason ?? '' }
    const reason = UNPRUNED.get(operator)
    return { text: reason === undefined ? '–' : 'no', note: reason ?? '' }
  },
}
