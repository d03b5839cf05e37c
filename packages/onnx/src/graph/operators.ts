// The one list of operators. Each table that says something of operators is a column beside it (column.ts), and a test holds that no cell is empty.

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

/** Operators that most tables say one thing of. */
export type OperatorKind =
  /** Makes its outputs of other things than the positions of its inputs. */
  | 'generating'
  /** Draws random numbers. */
  | 'random'
  /** Works across all positions at once. */
  | 'global'
  | 'recurrent'
  /** Runs graphs in its attributes. */
  | 'nesting'
  /** Takes or makes sequences and optional values. */
  | 'container'
  /** Of text, files or tokens. */
  | 'text'
  | 'quantized'
  /** A mixture of experts. */
  | 'experts'
  /** A loss of training. */
  | 'loss'
  /** No more can be said of them where a table has no rule. */
  | 'unruled'

const KINDS: readonly (readonly [kind: OperatorKind, names: string])[] = [
  [
    'generating',
    `Range NonZero NonMaxSuppression Unique Compress Multinomial EyeLike MelWeightMatrix BlackmanWindow HammingWindow
     HannWindow RandomNormal RandomUniform com.microsoft.Range com.microsoft.Unique`,
  ],
  [
    'random',
    `Bernoulli RandomNormalLike RandomUniformLike com.microsoft.BitmaskDropout com.microsoft.BitmaskBiasDropout
     com.microsoft.BiasDropout`,
  ],
  [
    'global',
    `Det DFT STFT AffineGrid CumProd com.microsoft.Inverse com.microsoft.Irfft com.microsoft.Rfft com.microsoft.CDist
     com.microsoft.DynamicTimeWarping`,
  ],
  [
    'recurrent',
    `LSTM GRU RNN CausalConvWithState LinearAttention com.microsoft.AttnLSTM com.microsoft.DynamicQuantizeLSTM
     com.microsoft.CausalConvWithState com.microsoft.VarlenCausalConvWithState com.microsoft.LinearAttention
     com.microsoft.LinearAttentionGate com.microsoft.GatedDeltaNet`,
  ],
  [
    'nesting',
    `If Loop Scan SequenceMap com.microsoft.BeamSearch com.microsoft.GreedySearch com.microsoft.Sampling
     com.microsoft.WhisperBeamSearch`,
  ],
  [
    'container',
    `ConcatFromSequence Optional OptionalGetElement OptionalHasElement SequenceAt SequenceConstruct SequenceEmpty
     SequenceErase SequenceInsert SequenceLength SplitToSequence`,
  ],
  [
    'text',
    `ImageDecoder RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer com.microsoft.Tokenizer
     com.microsoft.MurmurHash3 com.microsoft.NGramHashMapping com.microsoft.VarlenNGramHashMapping
     com.microsoft.NGramRepeatBlock com.microsoft.WordConvEmbedding`,
  ],
  [
    'quantized',
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
  ['experts', 'com.microsoft.MoE com.microsoft.QMoE'],
  ['loss', 'NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss'],
  [
    'unruled',
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
     com.microsoft.SparseAttention com.microsoft.SparseToDenseMatMul com.microsoft.TorchEmbedding com.microsoft.UnfoldTensor`,
  ],
]

const kinds = byOperator(KINDS)

/** Says of what kind an operator is. Undefined: of no kind that tables tell apart. */
export function kindOf(operator: string): OperatorKind | undefined {
  return kinds.get(operator)
}

/** What is said of each operator, from lists of names, those of com.microsoft with their domain. */
export function byOperator<T>(lists: readonly (readonly [value: T, names: string])[]): ReadonlyMap<string, T> {
  return new Map(lists.flatMap(([value, names]) => names.split(/\s+/).map((name) => [name, value] as const)))
}
