import { columnMetric, correlation } from './parts/columns.js'

export const pearson = columnMetric(
  { name: 'pearson', formula: 'correlation of outputs and labels over all samples' },
  correlation,
)
