"""A host from one word, as somebody writes it on a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from eyelid.errors import ConfigurationError
from eyelid.hosts._scripted import ScriptedHost
from eyelid.protocols import Host

#: What may be written, and what it means.
SPECS: Final = {
    "transformers:FOLDER": "a model of transformers from a local folder, with or without vision",
    "openai:URL#MODEL": "a model behind a server that speaks OpenAI's chat completions, such as vLLM: "
    "openai:http://localhost:8000/v1#llava",
    "scripted:FILE": "answers by rules from a JSONL file, for trying things out",
}


def open_host(
    spec: str,
    *,
    device: str = "auto",
    adapter: Path | None = None,
    token_env: str = "OPENAI_API_KEY",
    seconds: float = 120.0,
    plaintext: bool = False,
    name: str = "",
) -> Host:
    """A host by its kind and where it is, as `SPECS` lists them.

    Args:
        spec: such as "openai:https://models.example/v1#llava-1.5-7b".
        device: of a model that is loaded here.
        adapter: folder of a PEFT adapter for it.
        token_env: the environment variable with the bearer token for a server; it may be unset.
        seconds: for one answer of a server.
        plaintext: whether http is taken for other servers than this machine.
        name: of the host; its own if left out.

    Raises:
        ConfigurationError: the word is of no known form, or what it names is not there.
        WeightsError: the folder holds no such model.
        MissingExtraError: an extra has to be installed.
    """
    kind, _, where = spec.partition(":")
    if not where or kind not in ("transformers", "openai", "scripted"):
        raise ConfigurationError(f"{spec!r} names no host; write {', '.join(SPECS)}")
    if adapter is not None and kind != "transformers":
        raise ConfigurationError(f"an adapter belongs to a model that is loaded here, not to {kind!r}")
    if kind == "scripted":
        return ScriptedHost.from_jsonl(Path(where))
    if kind == "transformers":
        from eyelid.hosts._transformers import TransformersHost

        return TransformersHost(Path(where), adapter=adapter, device=device, name=name)
    from eyelid.hosts._openai import OpenAIHost

    url, _, model = where.partition("#")
    if not url or not model:
        raise ConfigurationError(f"{spec!r} names no model; write it behind the URL: openai:URL#MODEL")
    token = os.environ.get(token_env) or None
    return OpenAIHost(url, model, token=token, seconds=seconds, plaintext=plaintext, name=name)
