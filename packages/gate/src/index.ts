export type * from './measurement.js'
