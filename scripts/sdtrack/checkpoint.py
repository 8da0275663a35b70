"""Reads the tensors of a file written by torch.save, both of its formats, without running what the file says.

A pickle is a program. The machine that runs it here knows three harmless things: how a tensor is rebuilt, what a storage
is called, and an ordered dictionary. Every other name in the file becomes a stub that takes anything and does nothing.
Sizes, strides and offsets are checked before memory is touched.
"""
import pickle
import struct
import zipfile

import numpy as np

from errors import ConvertError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
ZIP_VERSIONS = (2, 3)
# bfloat16 has no numpy type: read as bits, widened when the tensor is built.
STORAGES = {'FloatStorage': '<f4', 'DoubleStorage': '<f8', 'HalfStorage': '<f2', 'BFloat16Storage': 'bfloat16',
            'LongStorage': '<i8', 'IntStorage': '<i4', 'ShortStorage': '<i2', 'CharStorage': '<i1',
            'ByteStorage': '<u1', 'BoolStorage': '<u1'}
AGAIN = 'Copy the file again from where it came from.'


class Stub:
    """Stands for an object of a class that is not needed: can be made, filled and ignored, never called."""

    def __new__(cls, *_, **__):
        return object.__new__(cls)

    def __init__(self, *_, **__):
        pass

    def __setstate__(self, _):
        pass

    def __setitem__(self, _, __):
        pass

    def append(self, _):
        pass

    def extend(self, _):
        pass


class StateDict(dict):
    """Takes the place of an ordered dictionary and ignores attributes that a file hangs on it."""

    def __setstate__(self, _):
        pass


class StorageType:
    def __init__(self, dtype):
        self.dtype = dtype


class Storage:
    """Numbers of one storage; in the legacy format they follow after the pickle that mentions them."""

    def __init__(self, dtype, count):
        self.dtype, self.count, self.raw = dtype, count, None

    def item_bytes(self):
        return 2 if self.dtype == 'bfloat16' else np.dtype(self.dtype).itemsize

    def fill(self, raw, key):
        if len(raw) != self.count * self.item_bytes():
            raise ConvertError(f'Storage {key} has {len(raw)} bytes, expected {self.count * self.item_bytes()}.', AGAIN)
        self.raw = raw

    def numbers(self):
        if self.dtype != 'bfloat16':
            return np.frombuffer(self.raw, self.dtype)
        return (np.frombuffer(self.raw, '<u2').astype(np.uint32) << 16).view(np.float32)


class Tensor:
    """A view of a storage, looked at only when asked for."""

    def __init__(self, storage, offset, size, stride):
        if not isinstance(storage, Storage):
            raise ConvertError('A tensor of the file has no storage.', AGAIN)
        whole = (offset, *size, *stride)
        if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in whole):
            raise ConvertError(f'A tensor of the file has an impossible layout: size {size}, stride {stride}.', AGAIN)
        count = 1
        for n in size:
            count *= n
        last = offset + sum((n - 1) * s for n, s in zip(size, stride))
        if count > 0 and (last >= storage.count or count > storage.count):
            raise ConvertError(f'A tensor of size {size} reaches beyond its storage of {storage.count} numbers.', AGAIN)
        self.storage, self.offset, self.stride, self.shape = storage, offset, tuple(stride), tuple(size)

    def numpy(self):
        if self.storage.raw is None:
            raise ConvertError('The numbers of a tensor are missing from the file.', AGAIN)
        flat = self.storage.numbers()
        if 0 in self.shape:
            return np.zeros(self.shape, flat.dtype)
        steps = [s * flat.itemsize for s in self.stride]
        return np.lib.stride_tricks.as_strided(flat[self.offset:], self.shape, steps, writeable=False).copy()


def rebuild_tensor(storage, offset, size, stride, *_):
    return Tensor(storage, offset, size, stride)


def rebuild_parameter(data, *_):
    return data


KNOWN = {
    ('collections', 'OrderedDict'): StateDict,
    ('torch._utils', '_rebuild_tensor'): rebuild_tensor,
    ('torch._utils', '_rebuild_tensor_v2'): rebuild_tensor,
    ('torch._utils', '_rebuild_parameter'): rebuild_parameter,
}


class Reader(pickle.Unpickler):
    def __init__(self, file, load_storage):
        super().__init__(file, encoding='utf-8')
        self.load_storage = load_storage

    def find_class(self, module, name):
        known = KNOWN.get((module, name))
        if known is not None:
            return known
        if module == 'torch' and name in STORAGES:
            return StorageType(STORAGES[name])
        # A class of its own for each name: nothing that one does to it reaches another.
        return type('Stub', (Stub,), {'__slots__': ()})

    def persistent_load(self, pid):
        if isinstance(pid, tuple) and len(pid) >= 2 and pid[0] in ('module', b'module'):
            return pid[1]  # the legacy format sends source text along with a class
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] not in ('storage', b'storage'):
            raise ConvertError('The file refers to something that is no storage.', AGAIN)
        kind, key, count = pid[1], pid[2], pid[4]
        if not isinstance(kind, StorageType) or type(count) is not int or count < 0:
            raise ConvertError(f'Storage {key!r} is of an unknown type.', AGAIN)
        if len(pid) > 5 and pid[5] is not None:
            raise ConvertError(f'Storage {key!r} is a view of another one, which no newer torch writes.', AGAIN)
        return self.load_storage(kind.dtype, key, count)


def read_checkpoint(path):
    """-> what was saved, tensors as `Tensor`, unknown objects as `Stub`. ConvertError when it cannot be read."""
    try:
        if zipfile.is_zipfile(path):
            return read_zip(path)
        with open(path, 'rb') as file:
            return read_legacy(file)
    except ConvertError:
        raise
    except OSError as error:
        raise ConvertError(f'{path} cannot be read: {error.strerror or error}.', 'Give the path of the checkpoint.') from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise ConvertError(f'{path} is no file of torch.save: {type(error).__name__}: {error}.', AGAIN) from error


def read_zip(path):
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        program = [name for name in entries if name.count('/') == 1 and name.endswith('/data.pkl')]
        if len(program) != 1:
            raise ConvertError(f'{path} is a zip file without one data.pkl: not written by torch.save.', AGAIN)
        root = program[0][:-len('data.pkl')]

        def content(name):
            info = entries.get(root + name)
            if info is None:
                raise ConvertError(f'{path} lacks its part {name}.', AGAIN)
            if info.compress_type != zipfile.ZIP_STORED:
                raise ConvertError(f'Part {name} of {path} is compressed; torch.save never does that.', AGAIN)
            return archive.read(info)

        version = content('version').strip()
        if version not in [str(v).encode() for v in ZIP_VERSIONS]:
            raise ConvertError(f'{path} has format version {version[:20]!r}, expected one of {ZIP_VERSIONS}.')
        order = content('byteorder').strip() if root + 'byteorder' in entries else b'little'
        if order != b'little':
            raise ConvertError(f'{path} was written on a big-endian machine.', 'Save it again on a common machine.')
        storages = {}

        def load_storage(dtype, key, count):
            if key not in storages:
                storages[key] = Storage(dtype, count)
                storages[key].fill(content(f'data/{key}'), key)
            elif (storages[key].dtype, storages[key].count) != (dtype, count):
                raise ConvertError(f'Storage {key} is described twice and not the same way.', AGAIN)
            return storages[key]

        with archive.open(entries[program[0]]) as file:
            return Reader(file, load_storage).load()


def read_legacy(file):
    storages = {}

    def load_storage(dtype, key, count):
        return storages.setdefault(key, Storage(dtype, count))

    def one():
        return Reader(file, load_storage).load()

    if one() != LEGACY_MAGIC:
        raise ConvertError('The file does not begin like a file of torch.save.', AGAIN)
    version = one()
    if version != LEGACY_PROTOCOL:
        raise ConvertError(f'The file has protocol version {version!r}, expected {LEGACY_PROTOCOL}.')
    system = one()
    if not isinstance(system, dict) or system.get('little_endian') is not True:
        raise ConvertError('The file was written on a big-endian machine.', 'Save it again on a common machine.')
    saved = one()
    for key in one():
        storage = storages.get(key)
        (count,) = struct.unpack('<q', file.read(8))
        if storage is None or count != storage.count:
            expected = 'none' if storage is None else storage.count
            raise ConvertError(f'Storage {key} holds {count} numbers, expected {expected}.', AGAIN)
        storage.fill(file.read(count * storage.item_bytes()), key)
    return saved
