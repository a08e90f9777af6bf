"""onnxruntime: the model exported once, its transformer layers fused, in float32 or in dynamic int8; one by one.

One by one is what onnxruntime is fastest at on a CPU. The exported files are kept beside the model.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import onnxruntime
from protocol import options, serve
from tokenizers import Tokenizer


class Onnx:
    packages = ("onnxruntime", "onnx", "tokenizers")

    def __init__(self, args: Namespace) -> None:
        file = args.model / ("int8.onnx" if args.int8 else "float32.onnx")
        if not file.exists():
            export(args.model, file, int8=args.int8)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = args.threads
        self._session = onnxruntime.InferenceSession(str(file), settings, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    async def many(self, texts: list[str]) -> list[float]:
        return [self._classify(text) for text in texts]

    def _classify(self, text: str) -> float:
        encoding = self._tokenizer.encode(text)
        columns = {
            "input_ids": encoding.ids,
            "attention_mask": encoding.attention_mask,
            "token_type_ids": encoding.type_ids,
        }
        (logits,) = self._session.run(None, {name: np.array([ids]) for name, ids in columns.items()})
        odds = np.exp(logits[0].astype(np.float64) - logits[0].max())
        return float(odds[1] / odds.sum())


def export(folder: Path, file: Path, *, int8: bool) -> None:
    """Write the ONNX file of a model: exported by torch, fused and quantised by onnxruntime's own tools."""
    import torch
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from transformers import BertForSequenceClassification

    model = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    sample = (torch.full((2, 16), 1000), torch.ones(2, 16, dtype=torch.long), torch.zeros(2, 16, dtype=torch.long))
    with tempfile.TemporaryDirectory() as scratch:
        plain, fused = Path(scratch) / "plain.onnx", Path(scratch) / "fused.onnx"
        torch.onnx.export(
            model,
            sample,
            str(plain),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in names},
            opset_version=17,
            dynamo=False,
        )
        heads, hidden = model.config.num_attention_heads, model.config.hidden_size
        optimised = optimizer.optimize_model(str(plain), "bert", num_heads=heads, hidden_size=hidden, opt_level=1)
        optimised.save_model_to_file(str(fused))
        if int8:
            # Through onnxruntime's own fused nodes the types cannot be inferred.
            kinds = {"DefaultTensorType": TensorProto.FLOAT}
            quantize_dynamic(str(fused), str(file), weight_type=QuantType.QInt8, extra_options=kinds)
        else:
            fused.replace(file)


if __name__ == "__main__":
    parser = options()
    parser.add_argument("--int8", action="store_true")
    serve(Onnx, parser.parse_args())
