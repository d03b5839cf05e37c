/** How weights are stored and multiplied: one home for the words of options, plans and reports. */
export const QUANTISERS = ['int8', 'int8-static', 'int8-weights', 'int4', 'f16', 'bf16'] as const

export type Quantiser = (typeof QUANTISERS)[number]

/**
 * How a weight is stored. 'integers': uint8 around 128 for each output unit, multiplied as integers
 * with inputs that are rounded as they come. 'static': int8 for each output unit, multiplied as integers, also by convolutions,
 * with inputs that are rounded to ranges that are known beforehand. 'blocks': 4 or 8 bits, a scale
 * for each output unit and block of inputs (MatMulNBits). 'rows': 8 bits, a scale for each row of a table, of which rows are taken. 'tied': a table of which rows are taken and which is multiplied with, too: the same
 * codes for both, in blocks of 4 or 8 bits (GatherBlockQuantized and MatMulNBits) or of 8 bits for each row. 'stored': 8 bits for each output
 * unit, made floats again when a model is loaded. 'halves': 16-bit floats (float16 or, of bf16, bfloat16), made floats again when a model is loaded.
 */
export const QUANTISED_FORMS = ['integers', 'static', 'blocks', 'rows', 'tied', 'stored', 'halves'] as const

export type QuantisedForm = (typeof QUANTISED_FORMS)[number]

/** Inputs that share one scale in weights of 4 and 8 bits in blocks. */
export const BLOCK_SIZES = [16, 32, 64, 128, 256] as const

export type BlockSize = (typeof BLOCK_SIZES)[number]

/**
 * What values between layers are rounded to: all that calibration data reached ('minmax'), without one in ten thousand on either side ('percentile'), or the part of it
 * that makes the mean squared error of rounding least ('mse').
 */
export const RANGE_RULES = ['minmax', 'percentile', 'mse'] as const

export type RangeRule = (typeof RANGE_RULES)[number]

/** What an element becomes: the nearest code ('nearest'), or the one after which others best make up for it on calibration data ('gptq'). */
export const ROUNDINGS = ['nearest', 'gptq'] as const

export type Rounding = (typeof ROUNDINGS)[number]
