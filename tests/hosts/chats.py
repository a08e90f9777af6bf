"""Tiny models that chat, with random weights, written with processor and tokenizer as transformers writes them."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<pad>", "<s>", "</s>", "<user>", "<answer>", "<image>", "{{turn}}"]
_WORDS = ["yes no Yes No YES NO the a of to and is plain words that say nothing much"] * 4
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ message.content }}"
    "{% else %}<user>{{ message.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
)
#: For models that see: content comes in parts.
SEEING = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}<user>{% endif %}"
    "{% for part in message.content %}{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
)


def tokenizer(**more: str) -> Any:
    import transformers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=SPECIAL,
        show_progress=False,
    )
    made.train_from_iterator(_WORDS, trainer)
    named = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", **more}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, additional_special_tokens=SPECIAL[3:], **named)


_TEXT = {
    "vocab_size": 340,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def write_llama(folder: Path) -> Any:
    import transformers

    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**_TEXT)).eval()
    model.save_pretrained(folder)
    made = tokenizer()
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    return model


def write_llava(folder: Path) -> Any:
    import transformers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    made = tokenizer()
    ids = made.convert_tokens_to_ids
    vision = transformers.CLIPVisionConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=8
    )
    text = transformers.LlamaConfig(**_TEXT)
    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=ids("<image>"), vision_feature_layer=-1
    )
    model = transformers.LlavaForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    side = {"shortest_edge": 16}
    shown = CLIPImageProcessorPil(size=side, crop_size={"height": 16, "width": 16})
    processor = transformers.LlavaProcessor(
        shown,
        made,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=SEEING.replace("IMAGE", "<image>"),
    )
    processor.save_pretrained(folder)
    return model


WRITERS = {"llama": write_llama, "llava": write_llava}
