import { attributesOf, editAttributes, editGraph, editModel, editNode, type Model } from '@pare/onnx'

/** The statistics of one BatchNormalization. */
export interface BatchStatistics {
  /** Names of the tensors that the model stores. They are not read in training. */
  readonly mean: string
  readonly variance: string
  /** Outputs, f32[channels], of the batch; the variance divides by the number of samples and positions. */
  readonly batchMean: string
  readonly batchVariance: string
  /** The part of the old value that stays: stored = momentum · stored + (1 − momentum) · batch. */
  readonly momentum: number
}

/** Every BatchNormalization with the statistics of the batch: with momentum 0, what the operator gives as new statistics are those. */
export function withBatchStatistics(model: Model): { readonly model: Model; readonly statistics: readonly BatchStatistics[] } {
  const statistics: BatchStatistics[] = []
  const { graph } = model
  const nodes = graph.nodes.map((node) => {
    if (node.op !== 'BatchNormalization' || node.domain !== '') return node
    const [batchMean, batchVariance] = ['mean', 'variance'].map((what) => `${node.outputs[0]}/${what} of the batch`) as [
      string,
      string,
    ]
    const kept = attributesOf(node).float('momentum', 0.9)
    statistics.push({ mean: node.inputs[3]!, variance: node.inputs[4]!, batchMean, batchVariance, momentum: kept })
    const trained = editAttributes(node, { training_mode: 1n, momentum: 0 })
    return editNode(trained, { outputs: [node.outputs[0]!, batchMean, batchVariance] })
  })
  return { model: editModel(model, { graph: editGraph(graph, { nodes }) }), statistics }
}
