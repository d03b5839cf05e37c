import { type Column, columnOf } from '../graph/column.js'
import { operatorsWithRule } from './rules/rules.js'

const LATER = 'no rule yet'

/** Whether the shapes of an operator's outputs follow from those of its inputs. */
export const shapeColumn: Column = columnOf({
  title: 'shape',
  rules: new Map(operatorsWithRule().map((name) => [name, 'yes'])),
  none: 'no',
  because: {
    ...{ random: LATER, global: LATER, recurrent: LATER, quantized: LATER, experts: LATER },
    generating: 'how much it makes depends on its numbers',
    nesting: 'its graphs are not followed',
    container: 'not a tensor',
    text: 'text, files or tokens',
  },
  notYet: new Set(
    `BitCast CenterCropPad Col2Im DeformConv MaxRoiPool MaxUnpool SwiGLU com.microsoft.BiasAdd com.microsoft.BiasSoftmax
     com.microsoft.BifurcationDetector com.microsoft.ComplexMul com.microsoft.ComplexMulConj
     com.microsoft.ConvTransposeWithDynamicPads com.microsoft.CropAndResize com.microsoft.DecoderAttention
     com.microsoft.DecoderMaskedMultiHeadAttention com.microsoft.DecoderMaskedSelfAttention com.microsoft.EPContext
     com.microsoft.EngramGate com.microsoft.ExpandDims com.microsoft.FusedMatMulActivation com.microsoft.GatedAdd
     com.microsoft.GatedRMSNorm com.microsoft.GatedRelativePositionBias com.microsoft.GemmFastGelu
     com.microsoft.GemmaRotaryEmbedding com.microsoft.GroupNorm com.microsoft.IsAllFinite com.microsoft.LongformerAttention
     com.microsoft.MRotaryEmbedding com.microsoft.MaxpoolWithMask com.microsoft.NhwcConv com.microsoft.NhwcFusedConv
     com.microsoft.NhwcMaxPool com.microsoft.PackedAttention com.microsoft.PackedMultiHeadAttention
     com.microsoft.PagedAttention com.microsoft.RelativePositionBias com.microsoft.RemovePadding
     com.microsoft.RestorePadding com.microsoft.SampleOp com.microsoft.SkipGroupNorm com.microsoft.Snpe
     com.microsoft.SparseAttention com.microsoft.SparseToDenseMatMul com.microsoft.TorchEmbedding com.microsoft.UnfoldTensor`.split(
      /\s+/,
    ),
  ),
})
