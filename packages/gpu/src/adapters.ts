import { PareError } from '@pare/core/backends'

/** What is known of an adapter. */
export interface AdapterFacts {
  readonly vendor: string
  readonly architecture: string
  /** As its driver calls it. */
  readonly name: string
  /** Computes on the CPU: for tests, not for speed. */
  readonly software: boolean
  readonly subgroups?: { readonly min: number; readonly max: number }
  readonly features: readonly string[]
  readonly limits: Readonly<Record<Limit, number>>
}

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const
type Limit = (typeof LIMITS)[number]

/** Where adapters come from: the browser's WebGPU, else the package `webgpu`, which is loaded now. Throws PareError where there is neither. */
export async function openEntry(): Promise<GPU> {
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu
  if (own !== undefined) return own
  // Not a literal: bundles for browsers must not look for it.
  const name = 'webgpu'
  try {
    const { create } = (await import(name)) as { create: (options: readonly string[]) => GPU }
    return create([])
  } catch (cause) {
    const missing = (cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND'
    throw new PareError(
      missing
        ? "gpu: the package 'webgpu' is not installed, and this run time has no WebGPU of its own."
        : `gpu: the package 'webgpu' does not load here: ${(cause as Error).message}`,
      {
        hint: missing
          ? 'npm install webgpu (132 MB), or --device cpu.'
          : 'it needs Linux with glibc 2.34, macOS or Windows; --device cpu works everywhere.',
        cause,
      },
    )
  }
}

/** All adapters, the fastest first, each once. */
export async function adaptersOf(entry: GPU): Promise<GPUAdapter[]> {
  const adapters = new Map<string, GPUAdapter>()
  for (const options of [
    { powerPreference: 'high-performance' },
    { powerPreference: 'low-power' },
    { forceFallbackAdapter: true },
  ] as const) {
    const adapter = await entry.requestAdapter(options)
    if (adapter === null) continue
    const key = JSON.stringify(factsOf(adapter))
    if (!adapters.has(key)) adapters.set(key, adapter)
  }
  return [...adapters.values()]
}

export function factsOf(adapter: GPUAdapter): AdapterFacts {
  const { info, features, limits } = adapter
  const { vendor, architecture, description, device, subgroupMinSize: min, subgroupMaxSize: max } = info
  return {
    vendor,
    architecture,
    // Browsers tell no more than these two.
    name: description || device || `${vendor} ${architecture}`.trim(),
    software:
      info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${description}`),
    ...(features.has('subgroups') && min !== undefined && max !== undefined && { subgroups: { min, max } }),
    features: [...features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])) as Record<Limit, number>,
  }
}
