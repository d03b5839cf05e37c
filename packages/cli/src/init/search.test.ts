import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { searchProject } from './search.js'

it.each([
  ['parts of a table', ['data/val/part-0.csv', 'data/val/part-1.csv.gz'], ['data/val']],
  ['tables of their own', ['data/train.csv', 'data/val.csv'], ['data/val.csv', 'data/train.csv']],
  [
    'annotations of Pascal VOC',
    ['VOC/JPEGImages/1.jpg', 'VOC/Annotations/1.xml', 'VOC/ImageSets/Main/val.txt', 'VOC/SegmentationClass/1.png'],
    ['VOC'],
  ],
  ['images with annotations beside them', ['valid/1.jpg', 'valid/1.xml', 'train/1.jpg', 'train/1.xml'], ['valid', 'train']],
  ['images and annotations as Kaggle has them', ['faces/images/1.png', 'faces/annotations/1.xml'], ['faces']],
  ['folders of classes in other formats', ['val/cat/1.tif', 'val/dog/2.bmp'], ['val']],
])('finds %s', async (_, files, data) => {
  const folder = await mkdtemp(join(tmpdir(), 'pare-search-'))
  try {
    for (const file of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true })
      await writeFile(join(folder, file), 'x')
    }
    expect((await searchProject(folder)).data).toEqual(data)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
