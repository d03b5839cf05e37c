import { cachePlace, findInstalled, packageIn } from './find.js'
import { isIntact } from './intact.js'
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
 * through the user's npm (its registry, proxy and credentials), checked against its hash, and kept in the cache. A cache with anything else than the published
 * bytes is filled again: each process looks once, which takes some 50 ms. What the project has installed is the project's own.
 * Throws OnnxRuntimeError where that fails; the signal's reason when aborted.
 */
export async function provideOnnxRuntime({ onFetch, signal }: Providing = {}): Promise<string> {
  const installed = findInstalled()
  const place = cachePlace(thisPlatform)
  const isCached = installed === packageIn(place)
  if (installed !== undefined && (!isCached || isIntactHere(place))) return installed
  const unsupported = unsupportedPlatform(thisPlatform, 'install a build of your own as onnxruntime-node')
  if (unsupported !== undefined) throw unsupported
  const { os, arch } = thisPlatform
  const reason = isCached ? `${place} holds other bytes than were published: ` : ''
  onFetch?.(
    `${reason}fetching ONNX Runtime ${onnxruntimeNode.version} for ${os}/${arch} from the npm registry: 114 MB, once on this machine`,
  )
  return fill({
    places: [place],
    platform: thisPlatform,
    fetch: (pinned, folder) => npmPack(pinned, folder, signal),
  })
}

const intact = new Set<string>()

function isIntactHere(place: string): boolean {
  if (!intact.has(place) && isIntact(place, thisPlatform)) intact.add(place)
  return intact.has(place)
}
