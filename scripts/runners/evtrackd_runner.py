#!/usr/bin/python3
"""A runner for evtrackd in Python: the networks of a model package on whatever a Python library can reach.

    evtrackd_runner.py --backend golden
    evtrackd_runner.py --backend onnxruntime --provider tensorrt [--fp16] [--int8] [--dla N] [--cache DIR]
    evtrackd_runner.py --backend onnxruntime --provider cuda|cpu
    evtrackd_runner.py --backend lynxi --template Net_0/ --search Net_1/ [--io float32|float16] [--device N]

Named in evtrackd's configuration:

    [inference]
    backend = "runner"
    runner = { command = ["/usr/bin/python3", "/usr/lib/evtrackd/runners/evtrackd_runner.py", "--backend", "golden"] }

The protocol is docs/runner.md. It needs the standard library alone; each back end imports what it needs when it is chosen.

  golden       answers the package's golden inputs with its golden outputs, and nothing else: a test of the protocol.
  onnxruntime  onnxruntime or onnxruntime-gpu of Python. With provider cpu it was run against the golden vectors; the
               providers tensorrt and cuda are UNTESTED ON HARDWARE.
  lynxi        the call sequence of Lynxi's SDK for a network compiled by LynGor. UNTESTED ON HARDWARE: neither a chip nor
               the SDK was at hand; names and signatures are from public documentation.
"""
import argparse
import hashlib
import json
import mmap
import os
import sys
import time

PROTOCOL = 1
MEMORY_FD = 3
BYTES = {'uint8': 1, 'float32': 4}


class Refused(Exception):
    """Something that is said to evtrackd in words; the runner goes on."""


def elements(shape):
    count = 1
    for side in shape:
        count *= side
    return count


class Memory:
    """The tensors of one part of the network, mapped."""

    def __init__(self, hello):
        self.map = mmap.mmap(MEMORY_FD, hello['memory_bytes'])
        self.parts = hello['parts']

    def inputs(self, part, batch):
        """Views of the packed bytes of each input, by name."""
        return {t['name']: self._view(t, batch) for t in self.parts[part]['inputs']}

    def outputs(self, part, batch):
        return {t['name']: self._view(t, batch) for t in self.parts[part]['outputs']}

    def _view(self, tensor, batch):
        size = elements(tensor['shape']) * BYTES[tensor['dtype']] * batch
        return memoryview(self.map)[tensor['offset']:tensor['offset'] + size]

    def arrays(self, numpy, part, role, batch):
        """The same as numpy arrays [batch, ...], which share the memory."""
        return {
            t['name']: numpy.frombuffer(self.map, numpy.dtype(t['dtype']).newbyteorder('<'), batch * elements(t['shape']),
                                        t['offset']).reshape([batch, *t['shape']])
            for t in self.parts[part][role]
        }


class Golden:
    """Knows the answers to the golden inputs by heart."""

    device = 'golden vectors'

    def __init__(self, hello, memory, _options):
        with open(os.path.join(hello['package'], 'model.json'), encoding='utf-8') as file:
            manifest = json.load(file)
        with open(os.path.join(hello['package'], manifest['golden']['file']), 'rb') as file:
            content = file.read()
        self.memory = memory
        self.max_batch = hello['max_batch']
        self.answers = {'template': {}, 'search': {}}
        tensors = {t['name']: t for t in manifest['golden']['tensors']}
        count = tensors['template.crop']['shape'][0]

        def item(part, place, i):
            tensor = tensors[f"{part}.{place['name']}"]
            size = elements(tensor['shape'][1:]) * BYTES[tensor['dtype']]
            packed = content[tensor['offset'] + i * size:tensor['offset'] + (i + 1) * size]
            # Spikes are kept as bytes and travel as floats.
            return packed if tensor['dtype'] == place['dtype'] else floats(packed)

        for i in range(count):
            for part in ('template', 'search'):
                places = memory.parts[part]
                crop = item(part, places['inputs'][0], i)
                self.answers[part][hashlib.sha256(crop).digest()] = [item(part, o, i) for o in places['outputs']]

    def run(self, part, batch):
        crops = self.memory.inputs(part, batch)['crop']
        views = list(self.memory.outputs(part, batch).values())
        each = len(crops) // batch
        for i in range(batch):
            answer = self.answers[part].get(hashlib.sha256(crops[i * each:(i + 1) * each]).digest())
            if answer is None:
                raise Refused('only golden inputs can be answered')
            for view, packed in zip(views, answer):
                view[i * len(packed):(i + 1) * len(packed)] = packed


def floats(packed):
    import array
    values = array.array('f', iter(packed))
    if sys.byteorder != 'little':
        values.byteswap()
    return values.tobytes()


class OnnxRuntime:
    """ONNX Runtime. TensorRT takes its options here, which the JavaScript of evtrackd's own ONNX Runtime cannot pass on."""

    def __init__(self, hello, memory, options):
        # It sends figures home by itself unless told not to before it is loaded.
        os.environ['ORT_DISABLE_TELEMETRY'] = '1'
        # TensorFloat-32 has 10 bits: sums would not be exact.
        os.environ.setdefault('NVIDIA_TF32_OVERRIDE', '0')
        import numpy
        import onnxruntime
        self.numpy = numpy
        self.memory = memory
        self.max_batch = hello['max_batch']
        providers = self.providers(options)
        wanted = [p if isinstance(p, str) else p[0] for p in providers]
        if wanted[0] not in onnxruntime.get_available_providers():
            raise Refused(f"this onnxruntime has no {wanted[0]}; it has {', '.join(onnxruntime.get_available_providers())}")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = hello['threads']
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self.sessions = {}
        for part in ('template', 'search'):
            path = os.path.join(hello['package'], hello['files'][part]['file'])
            session = onnxruntime.InferenceSession(path, settings, providers=providers)
            # A provider whose libraries are missing is left out without an error.
            if session.get_providers()[0] != wanted[0]:
                raise Refused(f'onnxruntime could not load {wanted[0]}: its libraries are missing')
            self.sessions[part] = session
        self.device = f"onnxruntime {onnxruntime.__version__} {options.provider}"

    @staticmethod
    def providers(options):
        if options.provider == 'cpu':
            return ['CPUExecutionProvider']
        cuda = ('CUDAExecutionProvider', {'device_id': options.device})
        if options.provider == 'cuda':
            return [cuda, 'CPUExecutionProvider']
        engine = {'device_id': options.device, 'trt_fp16_enable': options.fp16, 'trt_int8_enable': options.int8}
        if options.cache:
            engine.update(trt_engine_cache_enable=True, trt_engine_cache_path=options.cache,
                          trt_timing_cache_enable=True, trt_timing_cache_path=options.cache)
        if options.dla is not None:
            engine.update(trt_dla_enable=True, trt_dla_core=options.dla)
        return [('TensorrtExecutionProvider', engine), cuda, 'CPUExecutionProvider']

    def run(self, part, batch):
        feeds = self.memory.arrays(self.numpy, part, 'inputs', batch)
        places = self.memory.arrays(self.numpy, part, 'outputs', batch)
        results = self.sessions[part].run(list(places), feeds)
        for place, result in zip(places.values(), results):
            place[...] = result


class Lynxi:
    """A network compiled by LynGor for Lynxi's KA200: one model folder for each part, static shapes, so batch 1.

    load → describe → device and host buffers once; then, for each run: host to device, predict, device to host, wait.
    UNTESTED ON HARDWARE.
    """

    def __init__(self, hello, memory, options):
        import numpy
        import pylynchipsdk as sdk
        if not options.template or not options.search:
            raise Refused('--template and --search must name the folders that LynGor wrote')
        self.numpy, self.sdk, self.memory = numpy, sdk, memory
        # The logits have more digits than float16: compiled with such outputs, the golden run refuses the network.
        self.io = numpy.dtype(options.io)
        self.max_batch = 1
        self.context, code = sdk.lyn_create_context(options.device)
        self.check(code, 'lyn_create_context')
        self.stream, code = sdk.lyn_create_stream()
        self.check(code, 'lyn_create_stream')
        self.models = {part: self.load(folder) for part, folder in (('template', options.template), ('search', options.search))}
        self.device = f'Lynxi device {options.device}'

    def check(self, code, what):
        if code != 0:
            raise Refused(f'{what} gave {code}')

    def load(self, folder):
        sdk = self.sdk
        model, code = sdk.lyn_load_model(folder)
        self.check(code, f'lyn_load_model({folder})')
        desc, code = sdk.lyn_model_get_desc(model)
        self.check(code, 'lyn_model_get_desc')
        sizes = {}
        for role in ('input', 'output'):
            total, code = getattr(sdk, f'lyn_model_get_{role}_data_total_len')(model)
            self.check(code, f'lyn_model_get_{role}_data_total_len')
            buffer, code = sdk.lyn_malloc(total)
            self.check(code, 'lyn_malloc')
            sizes[role] = (total, buffer)
        return model, desc, sizes

    def run(self, part, batch):
        sdk, numpy = self.sdk, self.numpy
        model, _, buffers = self.models[part]
        feeds = self.memory.arrays(numpy, part, 'inputs', batch)
        given = numpy.concatenate([feed.astype(self.io).ravel() for feed in feeds.values()])
        size_in, device_in = buffers['input']
        size_out, device_out = buffers['output']
        if given.nbytes != size_in:
            raise Refused(f'{part} takes {size_in} bytes, expected {given.nbytes}: it was compiled from another graph')
        host_in = sdk.lyn_numpy_to_ptr(given)
        answer = numpy.empty(size_out // self.io.itemsize, self.io)
        host_out = sdk.lyn_numpy_to_ptr(answer)
        for code, what in (
            (sdk.lyn_memcpy_async(self.stream, device_in, host_in, size_in, sdk.lyn_memcpy_dir_t.ClientToServer), 'copy in'),
            (sdk.lyn_execute_model_async(self.stream, model, device_in, device_out, 1), 'lyn_execute_model_async'),
            (sdk.lyn_memcpy_async(self.stream, host_out, device_out, size_out, sdk.lyn_memcpy_dir_t.ServerToClient), 'copy out'),
            (sdk.lyn_synchronize_stream(self.stream), 'lyn_synchronize_stream'),
        ):
            self.check(code, what)
        at = 0
        for place in self.memory.arrays(numpy, part, 'outputs', batch).values():
            place[...] = answer[at:at + place.size].reshape(place.shape)
            at += place.size


BACKENDS = {'golden': Golden, 'onnxruntime': OnnxRuntime, 'lynxi': Lynxi}


class Runner:
    def __init__(self, options):
        self.options = options
        self.backend = None
        self.runs = 0

    def handle(self, request):
        kind = request['type']
        if kind == 'hello':
            return self.hello(request)
        if kind == 'health':
            return {'type': 'health', 'id': request['id'], 'runs': self.runs}
        if kind == 'run':
            if self.backend is None:
                raise Refused('run before hello')
            began = time.monotonic()
            self.backend.run(request['part'], request['batch'])
            self.runs += 1
            return {'type': 'done', 'id': request['id'], 'ms': (time.monotonic() - began) * 1000}
        raise Refused(f'unknown request {kind}')

    def hello(self, hello):
        if hello['protocol'] != PROTOCOL:
            raise Refused(f"protocol {hello['protocol']} is asked for, this runner speaks {PROTOCOL}")
        hashes = {}
        for part, wanted in hello['files'].items():
            with open(os.path.join(hello['package'], wanted['file']), 'rb') as file:
                hashes[part] = hashlib.sha256(file.read()).hexdigest()
        self.backend = BACKENDS[self.options.backend](hello, Memory(hello), self.options)
        return {
            'type': 'ready',
            'protocol': PROTOCOL,
            'runner': 'evtrackd_runner.py',
            'device': self.backend.device,
            'sha256': hashes,
            'max_batch': self.backend.max_batch,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--backend', choices=BACKENDS, required=True)
    parser.add_argument('--provider', choices=['tensorrt', 'cuda', 'cpu'], default='tensorrt')
    parser.add_argument('--device', type=int, default=0)
    parser.add_argument('--fp16', action='store_true', help='TensorRT may compute in half precision')
    parser.add_argument('--int8', action='store_true', help='TensorRT may compute in 8 bits')
    parser.add_argument('--dla', type=int, help='core of the deep-learning accelerator')
    parser.add_argument('--cache', help='folder in which TensorRT keeps its engines')
    parser.add_argument('--io', choices=['float32', 'float16'], default='float32',
                        help='what LynGor was told of inputs and outputs')
    parser.add_argument('--template', help='LynGor folder of the template graph')
    parser.add_argument('--search', help='LynGor folder of the search graph')
    runner = Runner(parser.parse_args())
    # Libraries that print must not talk into the protocol.
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8')
    os.dup2(2, 1)
    # Ends with its input: evtrackd is gone then.
    for line in sys.stdin:
        request = json.loads(line)
        if request['type'] == 'stop':
            break
        try:
            answer = runner.handle(request)
        except Exception as error:  # pylint: disable=broad-except # whatever a library throws is told
            said = str(error) if isinstance(error, Refused) else f'{type(error).__name__}: {error}'
            answer = {'type': 'failed', 'id': request.get('id'), 'message': said}
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


if __name__ == '__main__':
    main()
