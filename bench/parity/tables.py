"""Writes a table in every packing and encoding of Parquet and Arrow that pyarrow has into the folder argv[1], and its rows and the names of the files as JSON."""
import json
import os
import random
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet

folder, count = sys.argv[1], 500
random.seed(7)
words = ['alpha', 'β', '漢字', '', 'a longer text, with "quotes"\nand lines', 'x' * 300]


def some(value):
    return None if random.random() < 0.1 else value


def rows(make):
    return [make(i) for i in range(count)]


def talk(i):
    return [{'role': 'user', 'content': f'q{i}'}, {'role': 'assistant', 'content': random.choice(words)}]


table = pa.table({
    'i8': pa.array(rows(lambda i: some(random.randint(-128, 127))), pa.int8()),
    'i32': pa.array(rows(lambda i: some(random.randint(-(2**31), 2**31 - 1))), pa.int32()),
    'i64': pa.array(rows(lambda i: random.randint(-(2**53), 2**53)), pa.int64()),
    'u16': pa.array(rows(lambda i: random.randint(0, 65535)), pa.uint16()),
    'f16': pa.array(np.random.default_rng(2).normal(size=count).astype('float16')),
    'f32': pa.array(np.random.default_rng(1).normal(size=count).astype('float32')),
    'f64': pa.array(rows(lambda i: some(random.gauss(0, 1))), pa.float64()),
    'b': pa.array(rows(lambda i: some(random.random() < 0.5)), pa.bool_()),
    's': pa.array(rows(lambda i: some(random.choice(words))), pa.string()),
    'ls': pa.array(rows(lambda i: random.choice(words)), pa.large_string()),
    'dict': pa.array(rows(lambda i: random.choice(words[:3]))).dictionary_encode(),
    'list': pa.array(rows(lambda i: some([random.gauss(0, 1) for _ in range(random.randint(0, 5))])), pa.list_(pa.float32())),
    'fixed': pa.array(rows(lambda i: [float(i), float(-i), 1.0]), pa.list_(pa.float32(), 3)),
    'nested': pa.array(rows(lambda i: [[i % 10] * random.randint(0, 3)] * random.randint(0, 3)), pa.list_(pa.list_(pa.int64()))),
    'image': pa.array(
        rows(lambda i: {'bytes': bytes([i % 256] * 5), 'path': f'{i}.png'}),
        pa.struct([('bytes', pa.binary()), ('path', pa.string())]),
    ),
    'messages': pa.array(rows(talk), pa.list_(pa.struct([('role', pa.string()), ('content', pa.string())]))),
})


def plain(value):
    if isinstance(value, bytes):
        return {'$bytes': list(value)}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return float(value) if isinstance(value, np.floating) else value


names = []


def path(name):
    names.append(name)
    return os.path.join(folder, name)


for packing in ['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4']:
    for version in ['1.0', '2.0']:
        for words_once in [True, False]:
            name = f'{packing}-{version}-{words_once}.parquet'
            pages = {'data_page_version': version, 'row_group_size': 137, 'data_page_size': 600}
            parquet.write_table(table, path(name), compression=packing, use_dictionary=words_once, **pages)
for column, encoding in [
    ('i32', 'DELTA_BINARY_PACKED'),
    ('i64', 'DELTA_BINARY_PACKED'),
    ('f32', 'BYTE_STREAM_SPLIT'),
    ('f64', 'BYTE_STREAM_SPLIT'),
    ('s', 'DELTA_LENGTH_BYTE_ARRAY'),
    ('s', 'DELTA_BYTE_ARRAY'),
]:
    part = table.select(['i32', 'i64', 'f32', 'f64', 's'])
    parquet.write_table(part, path(f'{column}-{encoding}.parquet'), use_dictionary=False, column_encoding={column: encoding})
for packing in [None, 'lz4', 'zstd']:
    options = pa.ipc.IpcWriteOptions(compression=packing)
    for kind, opened in [('file', pa.ipc.new_file), ('stream', pa.ipc.new_stream)]:
        with opened(path(f'{packing}-{kind}.arrow'), table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=90)
    feather.write_feather(table, path(f'{packing}.feather'), compression=packing or 'uncompressed')
print(json.dumps({'version': pa.__version__, 'files': names, 'rows': [plain(row) for row in table.to_pylist()]}))
