// Written by `npm run generate -w @pare/cli` from the folders in packages/; do not edit it.

/** The plugins that come with the CLI: from these names nothing outside is ever loaded. */
export const FIRST_PARTY = {
  criterion: {
    activation: async () => (await import('@pare/criterion-activation')).activation,
    alps: async () => (await import('@pare/criterion-alps')).alps,
    'block-influence': async () => (await import('@pare/criterion-block-influence')).blockInfluence,
    gradient: async () => (await import('@pare/criterion-gradient')).gradient,
    magnitude: async () => (await import('@pare/criterion-magnitude')).magnitude,
    osscar: async () => (await import('@pare/criterion-osscar')).osscar,
    random: async () => (await import('@pare/criterion-random')).random,
    sensitivity: async () => (await import('@pare/criterion-sensitivity')).sensitivity,
    sparsegpt: async () => (await import('@pare/criterion-sparsegpt')).sparsegpt,
    wanda: async () => (await import('@pare/criterion-wanda')).wanda,
  },
  preset: {
    cnn: async () => (await import('@pare/preset-cnn')).cnn,
    transformer: async () => (await import('@pare/preset-transformer')).transformer,
  },
  structure: {
    channel: async () => (await import('@pare/structure-channel')).channel,
    element: async () => (await import('@pare/structure-element')).element,
    expert: async () => (await import('@pare/structure-expert')).expert,
    head: async () => (await import('@pare/structure-head')).head,
    hidden: async () => (await import('@pare/structure-hidden')).hidden,
    layer: async () => (await import('@pare/structure-layer')).layer,
    neuron: async () => (await import('@pare/structure-neuron')).neuron,
    nm: async () => (await import('@pare/structure-nm')).nm,
    tile: async () => (await import('@pare/structure-tile')).tile,
  },
}
