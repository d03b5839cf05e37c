import { each } from '../site/rule.js'

/** What changes in steps or not at all: no gradient passes, and none is missed. */
export const flat = each(
  'Shape Size Constant ConstantOfShape EyeLike Range RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial ' +
    'Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor IsNaN IsInf NonZero ArgMax ArgMin Sign Floor Ceil Round OneHot Unique ' +
    'BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Hardmax NonMaxSuppression',
  'flat',
)
