"""Run as a script: 200 nodes, half of them images, under an audit hook that counts connections and foreign files."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from eyelid import Guard
from eyelid.testing import FakeDecoder, FakeDetector, FakeReader
from llama_index.core.schema import ImageNode, MediaResource, Node

from llama_index.postprocessor.eyelid import EyelidNodePostprocessor
from tests.nodes_of import BAD, BAD_IMAGE, GOOD_IMAGE, SAYS, b64, scored, text

#: What asks the network for something, or hands it something.
NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request")


class Counting(Guard):
    """Notes how many exchanges each call was about."""

    calls: list[int] = []  # noqa: RUF012 - shared with the copies that `under` makes

    def check_many(self, exchanges: Any) -> Any:
        self.calls.append(len(exchanges))
        return super().check_many(exchanges)

    async def acheck_many(self, exchanges: Any) -> Any:
        self.calls.append(len(exchanges))
        return await super().acheck_many(exchanges)


def pictures(root: Path, elsewhere: Path) -> list[Any]:
    """A hundred of them: in every form, and some that must not be fetched or opened."""
    (root / "good.png").write_bytes(GOOD_IMAGE)
    (root / "bad.png").write_bytes(BAD_IMAGE)
    (elsewhere / "secret.png").write_bytes(GOOD_IMAGE)
    (root / "link.png").symlink_to(elsewhere / "secret.png")
    forms = [
        lambda: ImageNode(image=b64(GOOD_IMAGE)),
        lambda: Node(image_resource=MediaResource(data=GOOD_IMAGE)),
        lambda: ImageNode(image_path=str(root / "good.png")),
        lambda: Node(image_resource=MediaResource(path=root / "good.png")),
        lambda: ImageNode(image_path=str(root / "bad.png")),
        lambda: ImageNode(image_path=str(elsewhere / "secret.png")),
        lambda: ImageNode(image_path=str(root / ".." / elsewhere.name / "secret.png")),
        lambda: ImageNode(image_path=str(root / "link.png")),
        lambda: ImageNode(image_url="http://127.0.0.1:9/secret.png"),
        lambda: Node(image_resource=MediaResource(url=f"file://{elsewhere}/secret.png")),
    ]
    return [forms[number % len(forms)]() for number in range(100)]


def main() -> None:
    root, elsewhere = Path(tempfile.mkdtemp()).resolve(), Path(tempfile.mkdtemp()).resolve()
    detector, watching, counts = FakeDetector({BAD: 0.99}), [False], {"network": 0, "files": 0, "inside": 0}
    texts = [text(f"tea {number}" if number % 10 else f"do {BAD}") for number in range(100)]
    nodes = scored(*(each for pair in zip(texts, pictures(root, elsewhere), strict=True) for each in pair))

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if not watching[0]:
            return
        if event in NETWORK:
            counts["network"] += 1
        elif event == "open" and isinstance(args[0], (str, bytes)):
            inside = Path(os.fsdecode(args[0])).resolve().is_relative_to(root)
            counts["inside" if inside else "files"] += 1

    sys.addaudithook(watch)
    with Counting([detector], decoder=FakeDecoder(), reader=FakeReader(SAYS)) as guard:
        postprocessor = EyelidNodePostprocessor(guard, allowed_root=root)
        postprocessor.postprocess_nodes(nodes[:20], query_str="tea?")  # modules load with the first of their kind

        async def later() -> int:
            return len(await postprocessor.apostprocess_nodes(nodes, query_str="tea?"))

        asyncio.run(later())
        guard.calls.clear()
        before = len(detector.log.batches)
        watching[0] = True
        passed = postprocessor.postprocess_nodes(nodes, query_str="tea?")
        watching[0] = False
        batches = len(detector.log.batches) - before
        found = {"calls": list(guard.calls), "batches": batches, "passed": len(passed), **counts}
        assert asyncio.run(later()) == len(passed)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
