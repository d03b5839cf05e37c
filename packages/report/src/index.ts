export { type Curve, type CurvesView, renderCurves } from './curves.js'
export { renderHtml } from './html.js'
export { commentMarker, renderComment, renderSummary } from './markdown.js'
export { type ModelResult, modelResult, type RunResults, resultsJsonSchema, runResults } from './results.js'
