/** Operators of ai.onnx, opset 1 to 28, with those that were withdrawn and one that only ONNX Runtime has. */
export const ONNX_OPERATORS: readonly string[] =
  `Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization Bernoulli
   BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike CausalConvWithState Ceil Celu
   CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos
   Cosh CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal
   Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool
   GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish
   Hardmax Identity If ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less
   LessOrEqual LinearAttention Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool
   MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss
   NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv
   QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range
   Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
   ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter
   ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
   SequenceMap Shape Shrink Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss
   Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum
   SwiGLU Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample
   Where Xor`.split(/\s+/)

/** Operators of com.microsoft. */
export const MICROSOFT_OPERATORS: readonly string[] =
  `Attention AttnLSTM BeamSearch BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu BifurcationDetector
   BitmaskBiasDropout BitmaskDropout CDist CausalConvWithState ComplexMul ComplexMulConj ConvTransposeWithDynamicPads
   CropAndResize DecoderAttention DecoderMaskedMultiHeadAttention DecoderMaskedSelfAttention DequantizeBFP DequantizeLinear
   DequantizeWithOrder DynamicQuantizeLSTM DynamicQuantizeMatMul DynamicTimeWarping EPContext EmbedLayerNormalization
   EngramGate ExpandDims FastGelu FusedConv FusedGemm FusedMatMul FusedMatMulActivation GatedAdd GatedDeltaNet GatedRMSNorm
   GatedRelativePositionBias GatherBlockQuantized GatherND Gelu GemmFastGelu GemmFloat8 GemmaRotaryEmbedding GreedySearch
   GridSample GroupNorm GroupQueryAttention Inverse Irfft IsAllFinite LinearAttention LinearAttentionGate
   LongformerAttention MRotaryEmbedding MatMulBlockQuantizedFp4Weight MatMulBlockQuantizedFp8Weight MatMulBnb4 MatMulFpQ4
   MatMulInteger16 MatMulIntegerToFloat MatMulNBits MatMulNBitsMlp MatMulNBitsQkv MaxpoolWithMask MoE MulInteger
   MultiHeadAttention MurmurHash3 NGramHashMapping NGramRepeatBlock NhwcConv NhwcFusedConv NhwcMaxPool PackedAttention
   PackedMultiHeadAttention Pad PagedAttention QAttention QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool
   QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid
   QLinearSoftmax QLinearWhere QMoE QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedLongformerAttention
   QOrderedMatMul QuantizeBFP QuantizeLinear QuantizeWithOrder QuickGelu Range ReduceSumInteger RelativePositionBias
   RemovePadding RestorePadding Rfft RotaryEmbedding SampleOp Sampling SkipGroupNorm SkipLayerNormalization
   SkipSimplifiedLayerNormalization Snpe SparseAttention SparseToDenseMatMul Tokenizer TorchEmbedding TransposeMatMul Trilu
   UnfoldTensor Unique VarlenCausalConvWithState VarlenNGramHashMapping WhisperBeamSearch WordConvEmbedding`
    .split(/\s+/)
    .map((name) => `com.microsoft.${name}`)

/** Why operators without a rule hold every axis that touches them. */
const HELD: readonly (readonly [reason: string, names: string])[] = [
  [
    'its outputs have nothing to do with the positions of its inputs',
    `Range NonZero NonMaxSuppression Unique Compress Multinomial EyeLike MelWeightMatrix BlackmanWindow HammingWindow
     HannWindow RandomNormal RandomUniform com.microsoft.Range com.microsoft.Unique`,
  ],
  [
    'random numbers of its own',
    `Bernoulli RandomNormalLike RandomUniformLike com.microsoft.BitmaskDropout com.microsoft.BitmaskBiasDropout
     com.microsoft.BiasDropout`,
  ],
  [
    'works across all positions at once',
    `Det DFT STFT AffineGrid CumProd com.microsoft.Inverse com.microsoft.Irfft com.microsoft.Rfft com.microsoft.CDist
     com.microsoft.DynamicTimeWarping`,
  ],
  [
    'a recurrent layer',
    `LSTM GRU RNN CausalConvWithState LinearAttention com.microsoft.AttnLSTM com.microsoft.DynamicQuantizeLSTM
     com.microsoft.CausalConvWithState com.microsoft.VarlenCausalConvWithState com.microsoft.LinearAttention
     com.microsoft.LinearAttentionGate com.microsoft.GatedDeltaNet`,
  ],
  [
    'its graphs are not followed',
    `If Loop Scan SequenceMap com.microsoft.BeamSearch com.microsoft.GreedySearch com.microsoft.Sampling
     com.microsoft.WhisperBeamSearch`,
  ],
  [
    'not a tensor',
    `ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct SequenceEmpty
     SequenceErase SequenceInsert SequenceLength SplitToSequence`,
  ],
  [
    'text, files or tokens',
    `ImageDecoder RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer com.microsoft.Tokenizer
     com.microsoft.MurmurHash3 com.microsoft.NGramHashMapping com.microsoft.VarlenNGramHashMapping
     com.microsoft.NGramRepeatBlock com.microsoft.WordConvEmbedding`,
  ],
  [
    'computes with quantised weights',
    `ConvInteger MatMulInteger QLinearConv QLinearMatMul DynamicQuantizeLinear com.microsoft.DequantizeBFP
     com.microsoft.DequantizeWithOrder com.microsoft.DynamicQuantizeMatMul com.microsoft.GatherBlockQuantized
     com.microsoft.GemmFloat8 com.microsoft.MatMulBlockQuantizedFp4Weight com.microsoft.MatMulBlockQuantizedFp8Weight
     com.microsoft.MatMulBnb4 com.microsoft.MatMulFpQ4 com.microsoft.MatMulInteger16 com.microsoft.MatMulIntegerToFloat
     com.microsoft.MatMulNBits com.microsoft.MatMulNBitsMlp com.microsoft.MatMulNBitsQkv com.microsoft.MulInteger
     com.microsoft.QAttention com.microsoft.QEmbedLayerNormalization com.microsoft.QGemm com.microsoft.QLinearAdd
     com.microsoft.QLinearAveragePool com.microsoft.QLinearConcat com.microsoft.QLinearConv
     com.microsoft.QLinearGlobalAveragePool com.microsoft.QLinearLeakyRelu com.microsoft.QLinearMul
     com.microsoft.QLinearReduceMean com.microsoft.QLinearSigmoid com.microsoft.QLinearSoftmax com.microsoft.QLinearWhere
     com.microsoft.QOrderedAttention com.microsoft.QOrderedGelu com.microsoft.QOrderedLayerNormalization
     com.microsoft.QOrderedLongformerAttention com.microsoft.QOrderedMatMul com.microsoft.QuantizeBFP
     com.microsoft.QuantizeWithOrder com.microsoft.ReduceSumInteger`,
  ],
  ['a mixture of experts', 'com.microsoft.MoE com.microsoft.QMoE'],
  ['a part of training', 'NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss'],
]

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
  ['the axis it runs over is held; before opset 13 all from it on', 'Softmax LogSoftmax Hardmax'],
  ['sizes that end in a target or in bounds follow; computed with otherwise, as √headDim, they hold their axis', 'Shape Size'],
  [
    'the axis it works along is held',
    `ArgMax ArgMin CumSum TopK GatherElements ScatterElements Scatter Gather ReverseSequence OneHot`,
  ],
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
  ['letters twice in a term and ellipses are held', 'Einsum'],
  ['transposed batches are held', 'com.microsoft.FusedMatMul com.microsoft.TransposeMatMul'],
  ['steps other than 1 hold the axis', 'Slice'],
  [
    'scales for blocks hold everything',
    `QuantizeLinear DequantizeLinear com.microsoft.QuantizeLinear com.microsoft.DequantizeLinear`,
  ],
  ['what it makes is held', 'ConstantOfShape'],
]

export const HELD_BECAUSE = byName(HELD)
export const HELD_OF = byName(HELD_PARTS)

function byName(lists: readonly (readonly [text: string, names: string])[]): ReadonlyMap<string, string> {
  return new Map(lists.flatMap(([text, names]) => names.split(/\s+/).map((name) => [name, text] as const)))
}
