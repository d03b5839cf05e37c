import { cachePlace, findInstalled } from './find.js'
import { thisPlatform, unsupportedPlatform } from './library.js'
import { npmPack } from './npm-pack.js'
import { onnxruntimeNode } from './pinned.js'
import { fill } from './unpack.js'

export interface Providing {
  /** Called with a sentence for the user before the library is fetched. Default: nobody is told. */
  readonly onFetch?: (what: string) => void
  readonly signal?: AbortSignal
}

/**
 * The folder of an onnxruntime-node package that can be loaded here. Where neither the project nor the user's cache has one, the pinned version is fetched
 * through the user's npm (its registry, proxy and credentials), checked against its hash, and kept in the cache.
 * Throws OnnxRuntimeError where that fails; the signal's reason when aborted.
 */
export async function provideOnnxRuntime({ onFetch, signal }: Providing = {}): Promise<string> {
  const installed = findInstalled()
  if (installed !== undefined) return installed
  const unsupported = unsupportedPlatform(thisPlatform, 'install a build of your own as onnxruntime-node')
  if (unsupported !== undefined) throw unsupported
  const { os, arch } = thisPlatform
  onFetch?.(
    `fetching ONNX Runtime ${onnxruntimeNode.version} for ${os}/${arch} from the npm registry: 114 MB, once on this machine`,
  )
  return fill({
    places: [cachePlace(thisPlatform)],
    platform: thisPlatform,
    fetch: (pinned, folder) => npmPack(pinned, folder, signal),
  })
}
