/** Images that folders and tables name. */
export const IMAGE_FILE = /\.(png|jpe?g|webp|bmp|gif|tiff?)$/i

/** Sounds that folders and tables name. */
export const SOUND_FILE = /\.wav$/i
