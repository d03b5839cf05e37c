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
    ...{ global: LATER, recurrent: LATER, experts: LATER },
    generating: 'its outputs have nothing to do with the positions of its inputs',
    random: 'random numbers of its own',
    nesting: 'its graphs are not followed',
    container: 'not a tensor',
    text: 'text, files or tokens',
    quantized: QUANTIZED,
  },
  notYet: new Set(
    `BitCast CenterCropPad Col2Im DeformConv GridSample MaxRoiPool MaxUnpool MeanVarianceNormalization ReverseSequence RoiAlign
     Scatter SwiGLU TensorScatter Upsample com.microsoft.BiasAdd com.microsoft.BiasSoftmax com.microsoft.BiasSplitGelu
     com.microsoft.BifurcationDetector com.microsoft.ComplexMul com.microsoft.ComplexMulConj
     com.microsoft.ConvTransposeWithDynamicPads com.microsoft.CropAndResize com.microsoft.DecoderAttention
     com.microsoft.DecoderMaskedMultiHeadAttention com.microsoft.DecoderMaskedSelfAttention com.microsoft.DequantizeLinear
     com.microsoft.EPContext com.microsoft.EngramGate com.microsoft.ExpandDims com.microsoft.FusedMatMulActivation
     com.microsoft.GatedAdd com.microsoft.GatedRMSNorm com.microsoft.GatedRelativePositionBias com.microsoft.GatherND
     com.microsoft.GemmFastGelu com.microsoft.GemmaRotaryEmbedding com.microsoft.GridSample com.microsoft.GroupNorm
     com.microsoft.IsAllFinite com.microsoft.LongformerAttention com.microsoft.MRotaryEmbedding
     com.microsoft.MaxpoolWithMask com.microsoft.NhwcConv com.microsoft.NhwcFusedConv com.microsoft.NhwcMaxPool
     com.microsoft.PackedAttention com.microsoft.PackedMultiHeadAttention com.microsoft.Pad com.microsoft.PagedAttention
     com.microsoft.QuantizeLinear com.microsoft.RelativePositionBias com.microsoft.RemovePadding
     com.microsoft.RestorePadding com.microsoft.SampleOp com.microsoft.SkipGroupNorm com.microsoft.Snpe
     com.microsoft.SparseAttention com.microsoft.SparseToDenseMatMul com.microsoft.TorchEmbedding
     com.microsoft.TransposeMatMul com.microsoft.Trilu com.microsoft.UnfoldTensor`.split(/\s+/),
  ),
})
