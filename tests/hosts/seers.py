"""More tiny models that see, with random weights: those whose pictures become tokens in other ways than LLaVA's."""

import json
from pathlib import Path
from typing import Any

import torch
from tests.hosts.chats import SEEING, tokenizer

QWEN = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|im_end|>"]


def write_qwen(folder: Path) -> Any:
    """A tiny Qwen2-VL: pictures of any shape, each with its own number of tokens, and positions in three dimensions."""
    import transformers

    made = tokenizer()
    made.add_special_tokens({"additional_special_tokens": QWEN})
    ids = made.convert_tokens_to_ids
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    shown = {"patch_size": 8, "temporal_patch_size": 2, "spatial_merge_size": 2}
    config = transformers.Qwen2VLConfig(
        text_config={
            **sizes,
            "vocab_size": 340,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "initializer_range": 0.3,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
        },
        vision_config={"depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, **shown},
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        eos_token_id=2,
        pad_token_id=0,
        bos_token_id=1,
    )
    torch.manual_seed(0)
    model = transformers.Qwen2VLForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    # In the layout of published checkpoints, which name no processor for videos.
    look = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 2048}}
    transformers.Qwen2VLImageProcessorPil(**look).save_pretrained(folder)
    made.chat_template = SEEING.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    made.save_pretrained(folder)
    return model


def write_internvl(folder: Path) -> Any:
    """A tiny InternVL: a picture is cut into as many pieces as its shape asks for, and shown as a whole beside them."""
    import transformers

    bare = tokenizer()
    bare.add_special_tokens({"additional_special_tokens": ["<IMG_CONTEXT>", "<img>", "</img>"]})
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bare.backend_tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    )
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**sizes, "model_type": "qwen2", "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = transformers.InternVLConfig(
        vision_config={**sizes, "image_size": [16, 16], "patch_size": [4, 4]},
        text_config={**text, **ends, "vocab_size": 340, "max_position_embeddings": 512, "initializer_range": 0.3},
        image_token_id=made.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        downsample_ratio=0.5,
    )
    torch.manual_seed(0)
    model = transformers.InternVLForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    pieces = {"crop_to_patches": True, "min_patches": 1, "max_patches": 4}
    transformers.GotOcr2ImageProcessorPil(size={"height": 16, "width": 16}, **pieces).save_pretrained(folder)
    made.chat_template = SEEING.replace("IMAGE", "<IMG_CONTEXT>\n")
    made.save_pretrained(folder)
    stated = {"processor_class": "InternVLProcessor", "image_seq_length": 4}
    (folder / "processor_config.json").write_text(json.dumps(stated), "utf-8")
    return model
