import { meanLoss } from './parts/mean-loss.js'

export const mae = meanLoss({ name: 'mae', formula: 'mean of |output − label|', middle: 'median' }, Math.abs)
