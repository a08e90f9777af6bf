"""Adapters as PEFT saves them, for tiny models, with values that are not the zeros they start from."""

import warnings
from pathlib import Path
from typing import Any

import torch


def write_adapter(
    folder: Path, base: Path, *, task: str = "SEQ_CLS", outputs: int = 1, targets: tuple[str, ...], **changed: Any
) -> Any:
    """Save an adapter for a checkpoint; gives the model with the adapter in it, to compare with."""
    import peft
    import transformers

    kind: Any = (
        transformers.AutoModelForSequenceClassification if task == "SEQ_CLS" else transformers.AutoModelForCausalLM
    )
    torch.manual_seed(7)
    head: dict[str, Any] = {"num_labels": outputs, "ignore_mismatched_sizes": True} if task == "SEQ_CLS" else {}
    model = kind.from_pretrained(base, **head)
    given = {"r": 4, "lora_alpha": 8, "target_modules": list(targets), **changed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PEFT, about how it names things
        adapted = peft.get_peft_model(model, peft.LoraConfig(task_type=task, **given)).eval()
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                parameter.data.copy_(torch.randn_like(parameter) * 0.3)
        adapted.save_pretrained(folder)
    return adapted
