import type { Size } from '../images/image-steps.js'
import type { NumberedMask } from '../images/masks.js'
import type { FindClasses } from '../labels/labels.js'
import type { Boundary } from '../rows/inside.js'

/** A table whose rows are read from the first to the last, as often as asked, and never all at once. */
export interface Table {
  /** As messages call it: the name of its file. */
  readonly name: string
  /** Of the file, or of the folder, in which files lie that it names. */
  readonly folder: string
  /** What the rows take in memory, about. Infinity where they are files themselves. */
  readonly bytes: number
  /** How many rows, where that is known without reading them. */
  readonly rows?: number
  /** Names of columns in the order of the file, where cells are text without types. */
  readonly header?: readonly string[]
  /** For people: how classes are numbered, what is left out. */
  readonly notes?: readonly string[]
  /** What belongs to a row instead of a label. Default: a label, or nothing */
  readonly holds?: AnnotationKind
  /** Further files that say what the rows mean, from the folder. Default: none */
  readonly beside?: readonly string[]
  read(): AsyncIterable<Row>
  /** The names of classes of boxes, where annotations have no numbers, in the order of the alphabet: of the first so many rows. */
  classNames?(rows: number): Promise<readonly string[]>
  /** Of a row whose boxes lie in a file of their own: `bbox` and `category_id`. Default: boxes are in the row */
  boxesOf?(row: Row, image: ImageOfBoxes): Promise<Readonly<Record<string, readonly unknown[]>>>
  /** Of a row whose mask is drawn: the class of each pixel. `size` is that of its image. Default: masks are files that the row names, or there are none */
  maskOf?(row: Row, size: Size): NumberedMask
}

export interface ImageOfBoxes {
  /** Of the image, where the row has one. */
  readonly size?: Size
  /** Reads a file that the row names. */
  readFile(path: string): Promise<Uint8Array>
}

/** What annotations say of images; of 'boxes and masks' what is asked for is read. */
export type AnnotationKind = 'boxes' | 'masks' | 'boxes and masks'

export interface Row {
  /** For messages: 'val.csv:3'. */
  readonly where: string
  readonly values: Readonly<Record<string, unknown>>
  /** In the order of the header. */
  readonly cells?: readonly string[]
}

/** What a parser of a table is given. */
export interface TableFile {
  readonly path: string
  readonly name: string
  readonly folder: string
  /** Finds the classes of the model, for formats that number classes themselves. Default: there is no model */
  readonly findClasses?: FindClasses
  /** What files may be read that the data name. Default: those in the folder */
  readonly boundary?: Boundary
  /** Whether labels are boxes; false: they are none. Default: nobody asks for labels */
  readonly boxLabels?: boolean | undefined
}

/** The column with the path of a file that says what is on an image, null where nothing is. */
export const LABEL_FILE = 'label_file'

/** What pandas calls its numbers of rows in Parquet and Arrow, where rows were chosen or sorted. */
export const PANDAS_INDEX = /^__index_level_\d+__$/

/** What is smaller is read at once: then all that is wrong is said before anything runs, and samples can be had in any order. */
export const SMALL_BYTES = 2 ** 26
